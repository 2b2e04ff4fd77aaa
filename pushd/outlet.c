/*
 * outlet.c
 *	  What goes out to one client: at once, later as the socket takes it, or, while all
 *	  outlets are corked, joined with what else one commit has for the client.
 */
#include "outlet.h"

#include "metrics.h"

static bool
write_frame(Outlet *outlet, Event *event)
{
	metric_add(METRIC_FRAMES_SENT, 1);
	metric_add(METRIC_BYTES_SENT, event->length);
	if (outlet->transport->write(outlet->socket, event))
		return true;
	outlet->transport->abort(outlet->socket);
	return false;
}

bool
outlet_drain(Outlet *outlet)
{
	bool any = false;

	while (!outlet->transport->is_choked(outlet->socket))
	{
		Event *frame = outbox_next(&outlet->outbox, outlet->all->joint);
		bool written;

		if (!frame)
			return any;
		written = write_frame(outlet, frame);
		event_unref(frame);
		if (!written)
			return any;
		any = true;
	}
	outlet->transport->want_writable(outlet->socket);
	return any;
}

/* More than a frame of it goes out at once: what a client takes must not overflow. */
static void
send_later(Outlet *outlet, const Event *event)
{
	if (outlet->outbox.bytes + event->length > OUTBOX_JOINT_BYTES)
		(void) outlet_drain(outlet);
	list_remove(&outlet->corked);
	list_push_back(&outlet->all->waiting, &outlet->corked);
}

bool
outlet_send(Outlet *outlet, Event *event, size_t max_bytes)
{
	const SessionTransport *transport = outlet->transport;

	if (outlet->all->corked)
		send_later(outlet, event);
	else if (outbox_is_empty(&outlet->outbox) && !transport->is_choked(outlet->socket))
	{
		write_frame(outlet, event);
		return true;
	}
	switch (outbox_put(&outlet->outbox, event, max_bytes))
	{
		case OUTBOX_QUEUED:
			if (!outlet->all->corked)
				transport->want_writable(outlet->socket);
			break;
		case OUTBOX_LEFT_OUT:
		case OUTBOX_DROPPED:
			break;
		case OUTBOX_FULL:
			return false;
	}
	return true;
}

bool
outlet_queue(Outlet *outlet, Event *event, size_t max_bytes)
{
	size_t limit = outbox_is_empty(&outlet->outbox) ? SIZE_MAX : max_bytes;

	if (outbox_put(&outlet->outbox, event, limit) == OUTBOX_FULL)
		return false;
	outlet->transport->want_writable(outlet->socket);
	return true;
}

bool
outlet_is_clear(const Outlet *outlet)
{
	return outlet->outbox.count == 0 && !outlet->transport->is_choked(outlet->socket);
}

void
outlet_ping(Outlet *outlet)
{
	if (!outlet->transport->is_choked(outlet->socket) && !outlet->transport->ping(outlet->socket))
		outlet_abort(outlet);
}

void
outlet_abort(Outlet *outlet)
{
	outlet->transport->abort(outlet->socket);
}

void
outlet_init(Outlet *outlet, Outlets *all, const SessionTransport *transport, void *socket)
{
	*outlet = (Outlet){.all = all, .transport = transport, .socket = socket};
	list_init(&outlet->corked);
}

void
outlet_close(Outlet *outlet)
{
	outbox_clear(&outlet->outbox);
	list_remove(&outlet->corked);
	outlet->socket = NULL;
}

/* ---- all ---------------------------------------------------------------- */

void
outlets_init(Outlets *all)
{
	*all = (Outlets){.joint = event_joint(OUTBOX_JOINT_BYTES)};
	list_init(&all->waiting);
}

void
outlets_release(Outlets *all)
{
	event_unref(all->joint);
}

void
outlets_cork(Outlets *all)
{
	all->corked = true;
}

void
outlets_uncork(Outlets *all)
{
	ListNode *node;

	all->corked = false;
	while ((node = list_pop_front(&all->waiting)))
		(void) outlet_drain(list_entry(node, Outlet, corked));
}
