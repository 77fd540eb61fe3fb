/* examples/orders/generate.c: drops files of coffee-shop orders into a folder, as tills would.
 *
 * usage: orders_generate FOLDER [SECONDS=25] [FILES_PER_SECOND=4]
 * Event time runs 20 times faster than the clock, so that windows of a minute close while one watches. About
 * 3 % of the orders are late (most within the watermark's 30 seconds, some far beyond), 1 % have a negative
 * amount, and 1 line in 200 is not JSON at all. Each file is written under a hidden name and renamed when
 * complete. The random numbers are fixed: two runs differ in their time stamps only. */
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t seed = 20260101;
static volatile sig_atomic_t stopped;

static uint64_t dice(uint64_t sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % sides;
}

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void put_order(FILE *file, int64_t id, int64_t event_ms)
{
    static const char *const products[] = {"espresso", "flat white", "cappuccino",
                                           "filter",   "croissant",  "pain au chocolat"};
    static const int cents[] = {280, 420, 390, 310, 240, 320};
    size_t product = (size_t)dice(6);
    int amount = cents[product] * (1 + (int)dice(3));
    if (dice(200) == 0) {
        fprintf(file, "{\"order_id\": %" PRId64 ", \"product\": \"%s, the till lost power he\n", id,
                products[product]);
        return;
    }
    if (dice(100) == 0)
        amount = -amount;
    if (dice(100) < 3)
        event_ms -= dice(4) == 0 ? 600000 : (int64_t)dice(25000);
    time_t seconds = (time_t)(event_ms / 1000);
    struct tm utc;
    char stamp[32];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(file,
            "{\"order_id\": %" PRId64
            ", \"product\": \"%s\", \"amount\": %s%d.%02d, \"ordered_at\": \"%s.%03dZ\", "
            "\"till\": {\"shop\": \"%s\", \"number\": %d}}\n",
            id, products[product], amount < 0 ? "-" : "", abs(amount) / 100, abs(amount) % 100, stamp,
            (int)(event_ms % 1000), dice(2) ? "Zürich" : "Bern", 1 + (int)dice(4));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: orders_generate FOLDER [SECONDS=25] [FILES_PER_SECOND=4]\n");
        return 2;
    }
    double seconds = argc > 2 ? atof(argv[2]) : 25, per_second = argc > 3 ? atof(argv[3]) : 4;
    struct timespec now;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    mkdir(argv[1], 0755);
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t start_ms = (int64_t)now.tv_sec * 1000, id = 1, step_ms = (int64_t)(20 * 1000 / per_second);
    for (int64_t n = 0; !stopped && (double)n < seconds * per_second; n++) {
        char hidden[4096], name[4096];
        snprintf(hidden, sizeof(hidden), "%s/.orders-%" PRId64 "-%05" PRId64 ".json", argv[1], start_ms, n);
        snprintf(name, sizeof(name), "%s/orders-%" PRId64 "-%05" PRId64 ".json", argv[1], start_ms, n);
        FILE *file = fopen(hidden, "w");
        if (!file) {
            perror(hidden);
            return 1;
        }
        int orders = 150 + (int)dice(100);
        for (int i = 0; i < orders; i++)
            put_order(file, id++, start_ms + n * step_ms + (int64_t)i * step_ms / orders);
        if (fclose(file) != 0 || rename(hidden, name) != 0) {
            perror(name);
            return 1;
        }
        struct timespec pause = {0, (long)(1e9 / per_second) - 1};
        if (per_second <= 1)
            pause = (struct timespec){(time_t)(1 / per_second), 0};
        nanosleep(&pause, NULL);
    }
    return 0;
}
