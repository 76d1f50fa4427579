// SPDX-License-Identifier: MIT
#include "servreg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/qrtr.h>

#include "apr.h"
#include "domain.h"
#include "log.h"
#include "loop.h"
#include "servreg_message.h"

/* Each packet router of the kernel listens; there is one. */
#define LISTENERS_MAX 8

static struct loop_source locator = { .fd = -1 }, notifier = { .fd = -1 };

static struct listener {
	bool used, waiting;		/* waiting for its acknowledgement of @announcement */
	struct sockaddr_qrtr address;
} listeners[LISTENERS_MAX];

static uint16_t announcement;		/* transaction id of the last indication */
static void (*when_acknowledged)(void);

static struct listener *find(const struct sockaddr_qrtr *address)
{
	for (struct listener *listener = listeners; listener < listeners + LISTENERS_MAX; listener++)
		if (listener->used && listener->address.sq_node == address->sq_node &&
		    listener->address.sq_port == address->sq_port)
			return listener;
	return NULL;
}

static void check_acknowledged(void)
{
	void (*done)(void) = when_acknowledged;

	for (struct listener *listener = listeners; listener < listeners + LISTENERS_MAX; listener++)
		if (listener->used && listener->waiting)
			return;
	when_acknowledged = NULL;
	if (done)
		done();
}

static void forget(const struct sockaddr_qrtr *address)
{
	struct listener *listener = find(address);

	if (listener) {
		listener->used = false;
		check_acknowledged();
	}
}

static void listen_to(const struct sockaddr_qrtr *address)
{
	if (find(address))
		return;
	for (struct listener *listener = listeners; listener < listeners + LISTENERS_MAX; listener++) {
		if (listener->used)
			continue;
		*listener = (struct listener){ .used = true, .address = *address };
		return;
	}
	log_line("service registry: too many listeners");
}

static void send_to(struct loop_source *socket, const struct sockaddr_qrtr *address, const void *message, size_t size)
{
	if (sendto(socket->fd, message, size, MSG_DONTWAIT, (const struct sockaddr *)address, sizeof(*address)) < 0)
		log_line("service registry: message not sent: %s", strerror(errno));
}

/* The next message that is not of the router itself. Returns its size, or 0. */
static size_t receive(struct loop_source *socket, struct sockaddr_qrtr *from, uint8_t *message, size_t room)
{
	socklen_t length = sizeof(*from);
	ssize_t size = recvfrom(socket->fd, message, room, MSG_DONTWAIT, (struct sockaddr *)from, &length);
	struct qrtr_ctrl_pkt control;

	if (size <= 0)
		return 0;
	if (from->sq_port != QRTR_PORT_CTRL)
		return (size_t)size;
	if ((size_t)size >= sizeof(control)) {
		memcpy(&control, message, sizeof(control));
		if (control.cmd == QRTR_TYPE_DEL_CLIENT)
			forget(&(struct sockaddr_qrtr){ .sq_node = control.client.node, .sq_port = control.client.port });
	}
	return 0;
}

static void locator_ready(struct loop_source *socket)
{
	uint8_t request[SERVREG_MESSAGE_MAX], answer[SERVREG_MESSAGE_MAX];
	struct sockaddr_qrtr from;
	size_t size = receive(socket, &from, request, sizeof(request));

	size = size ? servreg_locate(request, size, answer) : 0;
	if (size)
		send_to(socket, &from, answer, size);
}

static void notifier_ready(struct loop_source *socket)
{
	uint8_t request[SERVREG_MESSAGE_MAX], answer[SERVREG_MESSAGE_MAX];
	struct servreg_request what;
	struct listener *listener;
	struct sockaddr_qrtr from;
	size_t size = receive(socket, &from, request, sizeof(request));

	if (!size)
		return;
	size = servreg_notify(request, size, apr_domain_up(), answer, &what);
	if (size)
		send_to(socket, &from, answer, size);
	switch (what.action) {
	case SERVREG_NOTHING:
		break;
	case SERVREG_LISTEN:
		listen_to(&from);
		break;
	case SERVREG_UNLISTEN:
		forget(&from);
		break;
	case SERVREG_ACKNOWLEDGE:
		listener = find(&from);
		if (listener && what.transaction == announcement) {
			listener->waiting = false;
			check_acknowledged();
		}
		break;
	case SERVREG_RESTART:
		domain_restart();
		break;
	}
}

static int publish(struct loop_source *socket_source, void (*ready)(struct loop_source *source), uint32_t service,
		   uint32_t instance)
{
	struct sockaddr_qrtr router;
	socklen_t length = sizeof(router);
	/* qmi_send_new_server() in drivers/soc/qcom/qmi_interface.c; the router fills in node and port */
	struct qrtr_ctrl_pkt packet = {
		.cmd = QRTR_TYPE_NEW_SERVER,
		.server = { .service = service, .instance = SERVREG_VERSION | instance << 8 },
	};

	socket_source->ready = ready;
	socket_source->fd = socket(AF_QIPCRTR, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (socket_source->fd < 0)
		return -1;
	if (getsockname(socket_source->fd, (struct sockaddr *)&router, &length) < 0)
		return -1;
	router.sq_port = QRTR_PORT_CTRL;
	if (sendto(socket_source->fd, &packet, sizeof(packet), 0, (struct sockaddr *)&router, sizeof(router)) < 0)
		return -1;
	return loop_add(socket_source);
}

int servreg_open(void)
{
	/* the notifier first: who finds the locator asks for it next */
	if (publish(&notifier, notifier_ready, SERVREG_NOTIFIER, SERVREG_AUDIO_INSTANCE) < 0 ||
	    publish(&locator, locator_ready, SERVREG_LOCATOR, SERVREG_LOCATOR_INSTANCE) < 0) {
		int error = errno;

		servreg_close();
		errno = error;
		return -1;
	}
	return 0;
}

void servreg_close(void)
{
	/* the router tells all clients when a socket is closed */
	if (locator.fd >= 0)
		close(locator.fd);
	if (notifier.fd >= 0)
		close(notifier.fd);
	locator.fd = notifier.fd = -1;
}

void servreg_announce(bool up, void (*acknowledged)(void))
{
	uint8_t message[SERVREG_MESSAGE_MAX];
	size_t size = servreg_indicate(up, ++announcement, message);

	when_acknowledged = acknowledged;
	for (struct listener *listener = listeners; listener < listeners + LISTENERS_MAX; listener++) {
		if (!listener->used)
			continue;
		listener->waiting = true;
		send_to(&notifier, &listener->address, message, size);
	}
	check_acknowledged();
}
