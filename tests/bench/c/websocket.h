/* RFC 6455, as far as the reference needs it: one frame per message, at most 64 KiB; sections cited are its own. */
#ifndef REFERENCE_WEBSOCKET_H
#define REFERENCE_WEBSOCKET_H

#include "socket.h"

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

struct frame {
    int opcode;
    uint8_t *payload;
    size_t length;
    size_t total; /* with header */
};

/* Reads a frame and unmasks it where it lies. Returns 1, 0 when it is not complete, -1 when it is not for us. */
static inline int read_frame(uint8_t *data, size_t bytes, struct frame *frame)
{
    if (bytes < 2)
        return 0;
    bool masked = data[1] & 0x80;
    size_t length = data[1] & 0x7F, header = 2;
    if (length == 127 || !(data[0] & 0x80) || (data[0] & 0x70))
        return -1; /* larger than 64 KiB, fragmented, or an extension: never what this measures */
    if (length == 126) {
        if (bytes < 4)
            return 0;
        length = (size_t)data[2] << 8 | data[3];
        header = 4;
    }
    uint8_t *key = data + header;
    header += masked ? 4 : 0;
    if (bytes < header + length)
        return 0;
    *frame = (struct frame){data[0] & 0x0F, data + header, length, header + length};
    for (size_t i = 0; masked && i < length; i++)
        frame->payload[i] ^= key[i & 3];
    return 1;
}

/* Writes a server's frame header (unmasked, at most 16-bit lengths); returns its size. */
static inline size_t write_header(uint8_t *to, int opcode, size_t length)
{
    to[0] = 0x80 | opcode;
    if (length < 126) {
        to[1] = length;
        return 2;
    }
    to[1] = 126;
    to[2] = length >> 8;
    to[3] = length & 0xFF;
    return 4;
}

static inline void sha1(const uint8_t *text, size_t bytes, uint8_t digest[20])
{
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t block[128] = {0};                       /* enough for the 60 bytes of a key and the GUID */
    size_t blocks = (bytes + 8) / 64 + 1;
    memcpy(block, text, bytes);
    block[bytes] = 0x80;
    block[blocks * 64 - 2] = bytes * 8 >> 8;
    block[blocks * 64 - 1] = bytes * 8 & 0xFF;
    for (size_t at = 0; at < blocks; at++) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const uint8_t *word = block + at * 64 + i * 4;
            w[i] = (uint32_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
        }
        for (int i = 16; i < 80; i++) {
            uint32_t mixed = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = mixed << 1 | mixed >> 31;
        }
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
            uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t next = (a << 5 | a >> 27) + f + e + k + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++)
        digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static inline void base64(const uint8_t *data, size_t bytes, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t group = data[i] << 16 | (i + 1 < bytes ? data[i + 1] << 8 : 0) | (i + 2 < bytes ? data[i + 2] : 0);
        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = i + 1 < bytes ? digits[group >> 6 & 63] : '=';
        *text++ = i + 2 < bytes ? digits[group & 63] : '=';
    }
    *text = '\0';
}

/* Answers an upgrade request that ends at `end`. Returns false when it is none. */
static inline bool accept_upgrade(struct connection *c, char *request, char *end)
{
    *end = '\0';
    char *field = strcasestr(request, "\r\nSec-WebSocket-Key:");
    char keyed[64], accept[32], response[256];
    uint8_t digest[20];
    if (field == NULL || sscanf(field + 20, " %24s", keyed) != 1 || strlen(keyed) != 24)
        return false;
    strcpy(keyed + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sha1((uint8_t *)keyed, strlen(keyed), digest);
    base64(digest, sizeof digest, accept);
    int bytes = snprintf(response, sizeof response,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                         accept, strstr(request, "ocpp1.6") ? "Sec-WebSocket-Protocol: ocpp1.6\r\n" : "");
    c->open = true;
    return transmit(c, (uint8_t *)response, bytes);
}

#endif
