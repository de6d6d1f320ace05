/* Sockets on epoll, as both programs use them: one inbox for all connections, what is incomplete is kept aside. */
#ifndef REFERENCE_SOCKET_H
#define REFERENCE_SOCKET_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

enum {
    MAX_EVENTS = 512,
    INBOX_BYTES = 128 * 1024,       /* more than the largest message accepted: 64 KiB and its header */
    MAX_UNSENT_BYTES = 1024 * 1024, /* a peer that does not read is cut off here */
};

struct connection {
    int fd;
    bool open;           /* the handshake is done */
    bool writing;        /* EPOLLOUT is asked for */
    uint32_t kept_bytes; /* received, but not a whole frame yet */
    uint32_t unsent_bytes;
    uint8_t *kept;
    uint8_t *unsent;
};

static uint8_t inbox[INBOX_BYTES]; /* a connection's bytes are here only while it is served */
static int poller;

static inline void die(const char *what)
{
    fprintf(stderr, "reference: %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static inline long rss_bytes(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%*d %ld", &pages) != 1)
        die("/proc/self/statm");
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

static inline void start_poller(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max; /* one descriptor per connection */
    setrlimit(RLIMIT_NOFILE, &limit);
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
        die("epoll_create1");
}

static inline void watch(int fd, uint32_t events, void *owner, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(poller, operation, fd, &event) != 0)
        die("epoll_ctl");
}

static inline void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline void drop(struct connection *c)
{
    close(c->fd); /* leaves the poller with its last descriptor */
    free(c->kept);
    free(c->unsent);
    *c = (struct connection){.fd = -1};
}

/* Receive behind what was kept. Returns the bytes now in the inbox, 0 for nothing new, -1 at the end. */
static inline ssize_t receive(struct connection *c)
{
    size_t kept = c->kept_bytes;
    if (kept > 0)
        memcpy(inbox, c->kept, kept);
    ssize_t got = recv(c->fd, inbox + kept, sizeof inbox - 1 - kept, 0);
    if (got > 0)
        return (ssize_t)kept + got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static inline void keep(struct connection *c, const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        free(c->kept);
        c->kept = NULL;
    } else {
        if ((c->kept = realloc(c->kept, bytes)) == NULL)
            die("realloc");
        memcpy(c->kept, data, bytes);
    }
    c->kept_bytes = bytes;
}

/* Send in order; what the socket does not take waits for EPOLLOUT. Returns false when the connection is lost. */
static inline bool transmit(struct connection *c, const uint8_t *data, size_t bytes)
{
    if (c->unsent_bytes == 0) {
        ssize_t sent = send(c->fd, data, bytes, MSG_NOSIGNAL);
        if (sent == (ssize_t)bytes)
            return true;
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        data += sent > 0 ? sent : 0;
        bytes -= sent > 0 ? sent : 0;
    }
    if (c->unsent_bytes + bytes > MAX_UNSENT_BYTES)
        return false;
    if ((c->unsent = realloc(c->unsent, c->unsent_bytes + bytes)) == NULL)
        die("realloc");
    memcpy(c->unsent + c->unsent_bytes, data, bytes);
    c->unsent_bytes += bytes;
    if (!c->writing)
        watch(c->fd, EPOLLIN | EPOLLOUT, c, EPOLL_CTL_MOD);
    c->writing = true;
    return true;
}

static inline bool transmit_unsent(struct connection *c)
{
    ssize_t sent = send(c->fd, c->unsent, c->unsent_bytes, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    c->unsent_bytes -= sent;
    memmove(c->unsent, c->unsent + sent, c->unsent_bytes);
    if (c->unsent_bytes == 0) {
        watch(c->fd, EPOLLIN, c, EPOLL_CTL_MOD);
        c->writing = false;
    }
    return true;
}

#endif
