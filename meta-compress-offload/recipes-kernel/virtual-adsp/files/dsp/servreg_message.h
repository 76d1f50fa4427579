/* SPDX-License-Identifier: MIT */
#ifndef VIRTUAL_ADSP_SERVREG_MESSAGE_H
#define VIRTUAL_ADSP_SERVREG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages of the service registry: which protection domain has a service, and whether the domain is up.
 * Source: Linux drivers/soc/qcom/pdr_internal.h and qcom_pdr_msg.c.
 */

#define SERVREG_LOCATOR		0x40	/* SERVREG_LOCATOR_SERVICE */
#define SERVREG_NOTIFIER	0x42	/* SERVREG_NOTIFIER_SERVICE */
#define SERVREG_VERSION		1	/* as pdr_handle_alloc() and pdr_locate_service() look it up */
#define SERVREG_LOCATOR_INSTANCE 1
#define SERVREG_AUDIO_INSTANCE	74	/* adsp_audio_pd in drivers/soc/qcom/qcom_pd_mapper.c */

#define SERVREG_AUDIO_SERVICE	"avs/audio"		/* qcom,protection-domain in sdm845.dtsi */
#define SERVREG_AUDIO_DOMAIN	"msm/adsp/audio_pd"

#define SERVREG_MESSAGE_MAX 256		/* more than any message here needs, bytes */

/* What the caller has to do, besides sending the answer. */
struct servreg_request {
	enum { SERVREG_NOTHING, SERVREG_LISTEN, SERVREG_UNLISTEN, SERVREG_ACKNOWLEDGE, SERVREG_RESTART } action;
	uint16_t transaction;		/* of the indication that SERVREG_ACKNOWLEDGE acknowledges */
};

/*
 * Answers a request to the locator, or to the notifier of the audio domain.
 * @answer: SERVREG_MESSAGE_MAX bytes. Returns the length of the answer, 0: none is due, the message is not for us.
 */
size_t servreg_locate(const uint8_t *request, size_t size, uint8_t *answer);
size_t servreg_notify(const uint8_t *request, size_t size, bool domain_up, uint8_t *answer,
		      struct servreg_request *what);

/* The indication that the audio domain has gone up or down. Returns its length. */
size_t servreg_indicate(bool domain_up, uint16_t transaction, uint8_t *message);

#endif
