/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_LOG_H
#define VIRTUAL_ADSP_LOG_H

/* One line to stderr, where systemd's journal picks it up. No newline in @format. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
