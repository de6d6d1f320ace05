/* client PORT CONNECTIONS PER_SECOND WARMUP_S SECONDS TICK_MS
 *
 * Opens WebSocket connections to 127.0.0.1:PORT, sends Heartbeat CALLs at PER_SECOND in total, one connection after the
 * other in ticks of TICK_MS, and reads the answers: the bare frames and nothing else. Their order has nothing to do with
 * that of connecting, as in a fleet: the kernel's sockets are found more cheaply in the order in which they were made.
 * Prints as JSON what it counted in the SECONDS after WARMUP_S, and the CPU time they took. Anything unexpected ends
 * it: it measures a server known to be well.
 */
#include "websocket.h"
#include <inttypes.h>
#include <sys/timerfd.h>

enum {
    CONNECTING_AT_ONCE = 128,
    SOURCE_ADDRESSES = 64, /* from 127.0.1.1 up: the ports of one address alone would make connect() search */
};

static struct {
    struct connection *connections;
    int *order; /* in which they send */
    int count, started, open;
    uint16_t port;
    int64_t sent, answered;
    uint32_t random;
} client;

static void start_connect(int number)
{
    struct connection *c = &client.connections[number];
    struct sockaddr_in source = {AF_INET, 0, {htonl(0x7F000101 + number % SOURCE_ADDRESSES)}, {0}};
    struct sockaddr_in target = {AF_INET, htons(client.port), {htonl(INADDR_LOOPBACK)}, {0}};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    no_delay(c->fd);
    if (bind(c->fd, (struct sockaddr *)&source, sizeof source) != 0 ||
        (connect(c->fd, (struct sockaddr *)&target, sizeof target) != 0 && errno != EINPROGRESS))
        die("connect");
    watch(c->fd, EPOLLOUT, c, EPOLL_CTL_ADD);
}

static void send_upgrade(struct connection *c)
{
    char request[256];
    int bytes = snprintf(request, sizeof request,
                         "GET /ocpp/REF-%06d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n",
                         (int)(c - client.connections), client.port);
    watch(c->fd, EPOLLIN, c, EPOLL_CTL_MOD);
    if (send(c->fd, request, bytes, MSG_NOSIGNAL) != bytes)
        die("upgrade");
}

static void send_heartbeat(struct connection *c)
{
    uint8_t frame[128];
    int length = snprintf((char *)frame + 6, sizeof frame - 6, "[2,\"%036" PRIx64 "\",\"Heartbeat\",{}]", client.sent);
    client.random = client.random * 1664525 + 1013904223;
    memcpy(frame + 2, &client.random, 4);
    frame[0] = 0x80 | TEXT;
    frame[1] = 0x80 | length;
    for (int i = 0; i < length; i++)
        frame[6 + i] ^= frame[2 + (i & 3)];
    if (send(c->fd, frame, 6 + length, MSG_NOSIGNAL) != 6 + length)
        die("send"); /* a frame of 63 bytes that the socket does not take: the responder has stopped */
    client.sent++;
}

static void read_answers(struct connection *c)
{
    ssize_t bytes = receive(c);
    uint8_t *at = inbox;
    struct frame frame;
    if (bytes < 0)
        die("connection lost");
    if (bytes == 0)
        return;
    if (!c->open) {
        uint8_t *end = memmem(inbox, bytes, "\r\n\r\n", 4);
        if (end == NULL) {
            keep(c, inbox, bytes);
            return;
        }
        if (memcmp(inbox, "HTTP/1.1 101", 12) != 0)
            die("upgrade refused");
        c->open = true;
        client.open++;
        at = end + 4;
    }
    while (read_frame(at, inbox + bytes - at, &frame) == 1) {
        client.answered += frame.opcode == TEXT;
        at += frame.total;
    }
    keep(c, at, inbox + bytes - at);
}

static void handle(const struct epoll_event *event)
{
    struct connection *c = event->data.ptr;
    if (event->events & EPOLLOUT)
        send_upgrade(c);
    else
        read_answers(c);
}

static void connect_all(void)
{
    struct epoll_event events[MAX_EVENTS];
    while (client.open < client.count) {
        while (client.started < client.count && client.started - client.open < CONNECTING_AT_ONCE)
            start_connect(client.started++);
        int ready = epoll_wait(poller, events, MAX_EVENTS, 10000);
        if (ready == 0)
            die("connecting stalled");
        for (int i = 0; i < ready; i++)
            handle(&events[i]);
    }
}

static void catch_up(int64_t due)
{
    while (client.sent < due)
        send_heartbeat(&client.connections[client.order[client.sent % client.count]]);
}

static void shuffle(void)
{
    client.order = calloc(client.count, sizeof *client.order);
    if (client.order == NULL)
        die("calloc");
    for (int i = 0; i < client.count; i++) {
        int other = rand() % (i + 1);
        client.order[i] = client.order[other];
        client.order[other] = i;
    }
}

static int run_client(int warmup_s, int seconds, int tick_ms, double per_second)
{
    static int ticker;
    struct epoll_event events[MAX_EVENTS];
    connect_all();
    int64_t connect_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t start_ns = clock_ns(CLOCK_MONOTONIC), open_ns = start_ns + warmup_s * NS_PER_S;
    int64_t close_ns = open_ns + seconds * NS_PER_S, now_ns = start_ns;
    int64_t sent = -1, answered = 0, cpu_ns = 0;
    struct itimerspec period = {{0, tick_ms * 1000000}, {start_ns / NS_PER_S, start_ns % NS_PER_S}};
    ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(ticker, TFD_TIMER_ABSTIME, &period, NULL);
    watch(ticker, EPOLLIN, &ticker, EPOLL_CTL_ADD);
    while (now_ns < close_ns) {
        int ready = epoll_wait(poller, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            uint64_t ticks;
            if (events[i].data.ptr != &ticker) {
                handle(&events[i]);
            } else if (read(ticker, &ticks, sizeof ticks) == sizeof ticks) {
                now_ns = clock_ns(CLOCK_MONOTONIC);
                if (sent < 0 && now_ns >= open_ns) {
                    open_ns = now_ns;
                    sent = client.sent;
                    answered = client.answered;
                    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
                }
                catch_up((int64_t)((now_ns - start_ns) * per_second / NS_PER_S));
            }
        }
    }
    printf("{\"connections\":%d,\"sent\":%" PRId64 ",\"round_trips\":%" PRId64 ",\"cpu_ns\":%" PRId64
           ",\"window_ns\":%" PRId64 ",\"connect_cpu_ns\":%" PRId64 "}\n",
           client.open, client.sent - sent, client.answered - answered,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns, now_ns - open_ns, connect_cpu_ns);
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 7) {
        fputs("usage: client PORT CONNECTIONS PER_SECOND WARMUP_S SECONDS TICK_MS\n", stderr);
        return 2;
    }
    start_poller();
    client.port = atoi(arguments[1]);
    client.count = atoi(arguments[2]);
    client.connections = calloc(client.count, sizeof *client.connections);
    if (client.connections == NULL)
        die("calloc");
    shuffle();
    return run_client(atoi(arguments[4]), atoi(arguments[5]), atoi(arguments[6]), atof(arguments[3]));
}
