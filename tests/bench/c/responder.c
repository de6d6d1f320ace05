/* responder PORT INTERVAL_S
 *
 * A WebSocket server on 127.0.0.1 (PORT 0: any) that answers every OCPP-J CALL at once; INTERVAL_S is the interval
 * in its BootNotification answers. Prints its port, serves until standard input ends, prints its counts; all JSON.
 */
#include "websocket.h"
#include <inttypes.h>

enum {
    OUTBOX_BYTES = 64 * 1024,
    MAX_ANSWER_BYTES = 1024,
    MAX_ID_BYTES = 255,
};

static uint8_t outbox[OUTBOX_BYTES];

static struct {
    int interval_s;
    int transaction_id;
    char now[32];
    int64_t accepted, calls, malformed, lost;
} responder;

/* The text between the next pair of quotes; NULL when there is none (ids and actions carry no escapes). */
static const char *quoted(const char **at, const char *end, int *length)
{
    const char *open = memchr(*at, '"', end - *at);
    const char *close = open ? memchr(open + 1, '"', end - open - 1) : NULL;
    if (close == NULL)
        return NULL;
    *at = close + 1;
    *length = close - open - 1;
    return open + 1;
}

static int answer_payload(const char *action, int length, char *to, size_t room)
{
#define IS(name) (length == sizeof name - 1 && memcmp(action, name, sizeof name - 1) == 0)
    if (IS("Heartbeat"))
        return snprintf(to, room, "{\"currentTime\":\"%s\"}", responder.now);
    if (IS("BootNotification"))
        return snprintf(to, room, "{\"status\":\"Accepted\",\"currentTime\":\"%s\",\"interval\":%d}", responder.now,
                        responder.interval_s);
    if (IS("Authorize"))
        return snprintf(to, room, "{\"idTagInfo\":{\"status\":\"Accepted\"}}");
    if (IS("StartTransaction"))
        return snprintf(to, room, "{\"idTagInfo\":{\"status\":\"Accepted\"},\"transactionId\":%d}",
                        ++responder.transaction_id);
    if (IS("DataTransfer") || IS("SignCertificate"))
        return snprintf(to, room, "{\"status\":\"Accepted\"}");
    return snprintf(to, room, "{}");
#undef IS
}

/* Appends the answer to one OCPP-J message to the outbox; returns its size, 0 when there is nothing to answer. */
static size_t answer(const char *text, size_t bytes, uint8_t *to)
{
    const char *at = text, *end = text + bytes;
    int id_length, action_length;
    while (at < end && strchr(" \t\r\n[", *at))
        at++;
    if (at < end && (*at == '3' || *at == '4'))
        return 0;
    const char *id = at < end && *at == '2' ? quoted(&at, end, &id_length) : NULL;
    const char *action = id ? quoted(&at, end, &action_length) : NULL;
    if (action == NULL || id_length > MAX_ID_BYTES) {
        responder.malformed++;
        return 0;
    }
    char result[MAX_ANSWER_BYTES];
    int length = snprintf(result, sizeof result, "[3,\"%.*s\",", id_length, id);
    length += answer_payload(action, action_length, result + length, sizeof result - length);
    result[length++] = ']';
    responder.calls++;
    size_t header = write_header(to, TEXT, length);
    memcpy(to + header, result, length);
    return header + length;
}

/* Serves all whole frames in the inbox. Returns false when the connection is to be dropped. */
static bool serve_frames(struct connection *c, uint8_t *data, size_t bytes)
{
    struct frame frame;
    size_t out = 0;
    int whole;
    while ((whole = read_frame(data, bytes, &frame)) == 1) {
        if (frame.opcode == TEXT) {
            out += answer((char *)frame.payload, frame.length, outbox + out);
        } else if (frame.opcode == PING || frame.opcode == CLOSE) {
            size_t length = frame.length < 126 ? frame.length : 125; /* section 5.5: control frames are short */
            out += write_header(outbox + out, frame.opcode == PING ? PONG : CLOSE, length);
            memcpy(outbox + out, frame.payload, length);
            out += length;
        } else if (frame.opcode != PONG) {
            return false;
        }
        data += frame.total;
        bytes -= frame.total;
        if (frame.opcode == CLOSE) {
            transmit(c, outbox, out);
            return false; /* section 7.1.1: the server closes the TCP connection first */
        }
        if (out > OUTBOX_BYTES - MAX_ANSWER_BYTES - 8) {
            if (!transmit(c, outbox, out))
                return false;
            out = 0;
        }
    }
    keep(c, data, bytes);
    return whole == 0 && (out == 0 || transmit(c, outbox, out));
}

static bool serve(struct connection *c)
{
    ssize_t bytes = receive(c);
    if (bytes <= 0)
        return bytes == 0;
    if (c->open)
        return serve_frames(c, inbox, bytes);
    char *end = memmem(inbox, bytes, "\r\n\r\n", 4);
    if (end == NULL) {
        keep(c, inbox, bytes);
        return bytes < 16 * 1024;
    }
    uint8_t *rest = (uint8_t *)end + 4;
    return accept_upgrade(c, (char *)inbox, end) && serve_frames(c, rest, inbox + bytes - rest);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (c == NULL)
            die("calloc");
        c->fd = fd;
        no_delay(fd);
        watch(fd, EPOLLIN, c, EPOLL_CTL_ADD);
        responder.accepted++;
    }
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
    socklen_t length = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 4096) != 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("{\"port\":%d}\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static int run_responder(int port, int interval_s)
{
    static int listener, parent = STDIN_FILENO; /* their addresses tell them from connections */
    struct epoll_event events[MAX_EVENTS];
    time_t rendered = 0;
    responder.interval_s = interval_s;
    listener = listen_on(port);
    watch(listener, EPOLLIN, &listener, EPOLL_CTL_ADD);
    watch(parent, EPOLLIN, &parent, EPOLL_CTL_ADD);
    for (;;) {
        int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
        time_t now = time(NULL);
        if (now != rendered) {
            rendered = now;
            strftime(responder.now, sizeof responder.now, "%Y-%m-%dT%H:%M:%S.000Z", gmtime(&now));
        }
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if ((void *)c == &listener) {
                accept_all(listener);
            } else if ((void *)c == &parent) {
                char byte;
                if (read(parent, &byte, 1) > 0)
                    continue;
                printf("{\"accepted\":%" PRId64 ",\"calls\":%" PRId64 ",\"malformed\":%" PRId64 ",\"lost\":%" PRId64
                       ",\"cpu_ns\":%" PRId64 ",\"rss_bytes\":%ld}\n",
                       responder.accepted, responder.calls, responder.malformed, responder.lost,
                       clock_ns(CLOCK_PROCESS_CPUTIME_ID), rss_bytes());
                return 0;
            } else if (((events[i].events & EPOLLOUT) && !transmit_unsent(c)) ||
                       ((events[i].events & ~EPOLLOUT) && !serve(c))) {
                responder.lost++;
                drop(c);
                free(c);
            }
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fputs("usage: responder PORT INTERVAL_S\n", stderr);
        return 2;
    }
    start_poller();
    return run_responder(atoi(arguments[1]), atoi(arguments[2]));
}
