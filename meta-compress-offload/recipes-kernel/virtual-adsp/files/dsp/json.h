/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_JSON_H
#define VIRTUAL_ADSP_JSON_H

#include <stdio.h>

/* Writes @text as a JSON string, quotes included; bytes that are not printable ASCII become '?'. */
void json_string(const char *text, FILE *out);

#endif
