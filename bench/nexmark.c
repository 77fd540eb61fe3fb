/* bench/nexmark.c: Nexmark events as JSON lines, always the same bytes for the same arguments.
 *
 * usage: bench_nexmark FOLDER EVENTS [EVENTS_PER_FILE=100000] [--unfriendly]
 *
 * Writes FOLDER/{person,auction,bid}/part-NNNNN.json; the k-th file of each kind covers the k-th run of
 * EVENTS_PER_FILE events, so the three folders advance together in event time; modification times follow the
 * file numbers. Of every 50 events 1 is a person, 3 are auctions, 46 are bids; 10,000 events make a second of
 * event time. Half of the bids go to a hot auction, three quarters come from a hot bidder and three quarters
 * of the auctions from a hot seller. Strings are padded so that a person takes about 200 bytes, an auction
 * 500, a bid 100.
 *
 * --unfriendly writes the same bids (only) in a shape that punishes guessing parsers: keys in changing order,
 * a fifth of the fields missing, escapes and non-ASCII letters in the strings. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum kind { PERSON, AUCTION, BID, KINDS };
static const char *const kind_names[KINDS] = {"person", "auction", "bid"};

/* ---- dice: splitmix64, seeded anew by every event's number ---- */
static uint64_t state;

static uint64_t next_random(void)
{
    state += 0x9E3779B97F4A7C15ull;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static int64_t below(int64_t limit)
{
    return (int64_t)(next_random() % (uint64_t)limit);
}

/* ---- text ---- */
struct line {
    char *at;
    char bytes[8192];
};

static void put(struct line *line, const char *text)
{
    size_t size = strlen(text);
    memcpy(line->at, text, size);
    line->at += size;
}

static void put_number(struct line *line, int64_t value)
{
    line->at += sprintf(line->at, "%lld", (long long)value);
}

/* Lower-case letters, twelve to a random number. */
static void put_letters(struct line *line, int64_t count)
{
    uint64_t bits = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i % 12 == 0)
            bits = next_random();
        *line->at++ = (char)('a' + bits % 26);
        bits /= 26;
    }
}

/* Letters and blanks, 3 to longest - 1 of them, ten to a random number. */
static void put_words(struct line *line, int64_t longest)
{
    int64_t count = 3 + below(longest - 3);
    uint64_t bits = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i % 10 == 0)
            bits = next_random();
        uint64_t letter = bits % 27;
        bits /= 27;
        *line->at++ = letter == 26 ? ' ' : (char)('a' + letter);
    }
}

/* What is missing to the wanted size, give or take a fifth. */
static void put_padding(struct line *line, int64_t current, int64_t wanted)
{
    if (current > wanted)
        return;
    int64_t missing = wanted - current, spread = lround((double)missing * 0.2);
    put_letters(line, missing - spread + (spread ? below(2 * spread) : 0));
}

static void put_time(struct line *line, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    line->at += strftime(line->at, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    line->at += sprintf(line->at, ".%03dZ", (int)(time_ms % 1000));
}

/* ---- who and what ---- */
static int64_t last_person(int64_t event)
{
    return event / 50;
}

static int64_t last_auction(int64_t event)
{
    int64_t epoch = event / 50, offset = event % 50;
    if (offset < 1)
        return (epoch - 1) * 3 + 2;
    return epoch * 3 + (offset >= 4 ? 2 : offset - 1);
}

static int64_t some_person(int64_t event)
{
    int64_t people = last_person(event) + 1, active = people < 1000 ? people : 1000;
    return people - active + below(active + 10);
}

static int64_t some_auction(int64_t event)
{
    int64_t last = last_auction(event), first = last - 100 < 0 ? 0 : last - 100;
    last = last < 0 ? 0 : last;
    return first + below(last - first + 1 + 10);
}

static int64_t some_price(void)
{
    double unit = (double)(next_random() >> 11) / 9007199254740992.0;
    return llround(pow(10.0, unit * 6.0) * 100.0);
}

static char hot_urls[4][128];

static void put_url(struct line *line)
{
    put(line, "https://www.nexmark.com/");
    for (int part = 0; part < 3; part++) {
        put_letters(line, 5);
        put(line, part < 2 ? "_" : "/item.htm?query=1");
    }
}

static void make_hot_urls(void)
{
    state = 42;
    for (int i = 0; i < 4; i++) {
        struct line line;
        line.at = line.bytes;
        put_url(&line);
        *line.at = 0;
        memcpy(hot_urls[i], line.bytes, strlen(line.bytes) + 1);
    }
}

static void make_person(struct line *line, int64_t event, int64_t time_ms)
{
    static const char *const first_names[] = {"Peter", "Paul",  "Luke",  "John",   "Saul",  "Vicky",
                                              "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
    static const char *const last_names[] = {"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                             "Walton", "Smith",  "Jones",   "Noris"};
    static const char *const cities[] = {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
                                         "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
    static const char *const states[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    put(line, "{\"id\":");
    put_number(line, 1000 + last_person(event));
    put(line, ",\"name\":\"");
    put(line, first_names[below(11)]);
    put(line, " ");
    put(line, last_names[below(9)]);
    put(line, "\",\"emailAddress\":\"");
    put_letters(line, 7);
    put(line, "@");
    put_letters(line, 5);
    put(line, ".com\",\"creditCard\":\"");
    for (int i = 0; i < 4; i++)
        line->at += sprintf(line->at, "%s%04d", i > 0 ? " " : "", (int)below(10000));
    put(line, "\",\"city\":\"");
    put(line, cities[below(10)]);
    put(line, "\",\"state\":\"");
    put(line, states[below(6)]);
    put(line, "\",\"dateTime\":\"");
    put_time(line, time_ms);
    put(line, "\",\"extra\":\"");
    put_padding(line, 67, 200);
    put(line, "\"}\n");
}

static void make_auction(struct line *line, int64_t event, int64_t time_ms)
{
    int64_t seller = below(4) > 0 ? last_person(event) / 100 * 100 : some_person(event);
    int64_t category = 10 + below(5), initial = some_price();
    int64_t open_ms = 1 + below(2 * ((100 * 50 / 3) / 10));
    put(line, "{\"id\":");
    put_number(line, 1000 + last_auction(event));
    put(line, ",\"itemName\":\"");
    const char *start = line->at;
    put_words(line, 20);
    put(line, "\",\"description\":\"");
    put_words(line, 100);
    int64_t current = line->at - start;
    put(line, "\",\"initialBid\":");
    put_number(line, initial);
    put(line, ",\"reserve\":");
    put_number(line, initial + some_price());
    put(line, ",\"dateTime\":\"");
    put_time(line, time_ms);
    put(line, "\",\"expires\":\"");
    put_time(line, time_ms + open_ms);
    put(line, "\",\"seller\":");
    put_number(line, 1000 + seller);
    put(line, ",\"category\":");
    put_number(line, category);
    put(line, ",\"extra\":\"");
    put_padding(line, current + 48, 500);
    put(line, "\"}\n");
}

struct bid {
    int64_t auction, bidder, price, time_ms;
    struct line channel, url, extra;
};

static void make_bid(struct bid *bid, int64_t event, int64_t time_ms)
{
    bid->auction = 1000 + (below(2) > 0 ? last_auction(event) / 100 * 100 : some_auction(event));
    bid->bidder = 1000 + (below(4) > 0 ? last_person(event) / 100 * 100 + 1 : some_person(event));
    bid->price = some_price();
    bid->time_ms = time_ms;
    bid->channel.at = bid->channel.bytes;
    bid->url.at = bid->url.bytes;
    bid->extra.at = bid->extra.bytes;
    if (below(2) > 0) {
        static const char *const hot_channels[] = {"Google", "Facebook", "Baidu", "Apple"};
        int64_t hot = below(4);
        put(&bid->channel, hot_channels[hot]);
        put(&bid->url, hot_urls[hot]);
    } else {
        int64_t channel = below(10000);
        put(&bid->channel, "channel-");
        put_number(&bid->channel, channel);
        uint64_t kept = state; /* a channel's URL is always the same */
        state = 777 + (uint64_t)channel * 7919;
        next_random();
        put_url(&bid->url);
        if (below(10) > 0) {
            put(&bid->url, "&channel_id=");
            put_number(&bid->url, below(1 << 30));
        }
        state = kept;
    }
    put_padding(&bid->extra, 32, 100);
    *bid->channel.at = *bid->url.at = *bid->extra.at = 0;
}

static void write_bid(struct line *line, const struct bid *bid)
{
    put(line, "{\"auction\":");
    put_number(line, bid->auction);
    put(line, ",\"bidder\":");
    put_number(line, bid->bidder);
    put(line, ",\"price\":");
    put_number(line, bid->price);
    put(line, ",\"channel\":\"");
    put(line, bid->channel.bytes);
    put(line, "\",\"url\":\"");
    put(line, bid->url.bytes);
    put(line, "\",\"dateTime\":\"");
    put_time(line, bid->time_ms);
    put(line, "\",\"extra\":\"");
    put(line, bid->extra.bytes);
    put(line, "\"}\n");
}

static void write_field(struct line *line, const struct bid *bid, int field)
{
    static const char *const names[] = {"auction", "bidder", "price", "channel", "url", "dateTime", "extra"};
    line->at += sprintf(line->at, "\"%s\":", names[field]);
    switch (field) {
    case 0:
        put_number(line, bid->auction);
        break;
    case 1:
        put_number(line, bid->bidder);
        break;
    case 2:
        put_number(line, bid->price);
        break;
    case 5:
        put(line, "\"");
        put_time(line, bid->time_ms);
        put(line, "\"");
        break;
    default:
        put(line, "\"");
        put(line, field == 3 ? bid->channel.bytes : field == 4 ? bid->url.bytes : bid->extra.bytes);
        if (field == 4)
            put(line, "\\u0026x=\\\"\\/");
        if (field == 6) {
            put(line, "Zürich 東京 \\n");
            put_letters(line, 74); /* as many bytes as the friendly form, over all */
        }
        put(line, "\"");
    }
}

/* auction, price and dateTime are always there, so that queries over them find equal counts. */
static void write_bid_unfriendly(struct line *line, const struct bid *bid)
{
    int order[] = {0, 1, 2, 3, 4, 5, 6};
    for (int i = 6; i > 0; i--) {
        int j = (int)below(i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    const char *comma = "";
    put(line, "{");
    for (int i = 0; i < 7; i++) {
        bool required = order[i] == 0 || order[i] == 2 || order[i] == 5;
        if (!required && below(100) < 35) /* a fifth of all fields */
            continue;
        put(line, comma);
        write_field(line, bid, order[i]);
        comma = ",";
    }
    put(line, "}\n");
}

/* ---- files ---- */
static FILE *files[KINDS];

static void close_files(time_t modified)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (!files[kind])
            continue;
        struct timespec times[2] = {{modified, 0}, {modified, 0}};
        fflush(files[kind]);
        futimens(fileno(files[kind]), times);
        fclose(files[kind]);
        files[kind] = NULL;
    }
}

static void open_files(const char *folder, int64_t number, bool bids_only)
{
    static char buffers[KINDS][1 << 20];
    for (int kind = bids_only ? BID : 0; kind < KINDS; kind++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s/part-%05lld.json", folder, kind_names[kind], (long long)number);
        files[kind] = fopen(path, "w");
        if (!files[kind]) {
            perror(path);
            exit(1);
        }
        setvbuf(files[kind], buffers[kind], _IOFBF, sizeof(buffers[kind]));
    }
}

int main(int argc, char **argv)
{
    static const int64_t first_ms = 1767225600000; /* 2026-01-01T00:00:00Z */
    static const time_t first_modified = 1770000000;
    static struct line line;
    static struct bid bid;
    bool unfriendly = argc > 1 && strcmp(argv[argc - 1], "--unfriendly") == 0;
    argc -= unfriendly;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_nexmark FOLDER EVENTS [EVENTS_PER_FILE=100000] [--unfriendly]\n");
        return 2;
    }
    int64_t events = atoll(argv[2]), per_file = argc > 3 ? atoll(argv[3]) : 100000;
    int64_t rows[KINDS] = {0}, bytes[KINDS] = {0};
    mkdir(argv[1], 0755);
    for (int kind = 0; kind < KINDS; kind++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], kind_names[kind]);
        mkdir(path, 0755);
    }
    make_hot_urls();
    for (int64_t event = 0; event < events; event++) {
        if (event % per_file == 0) {
            close_files(first_modified + event / per_file);
            open_files(argv[1], event / per_file, unfriendly);
        }
        state = 0x1234567ull + (uint64_t)event * 0x632BE59BD9B4E019ull;
        next_random();
        int64_t time_ms = first_ms + event / 10;
        enum kind kind = event % 50 < 1 ? PERSON : event % 50 < 4 ? AUCTION : BID;
        if (unfriendly && kind != BID)
            continue;
        line.at = line.bytes;
        if (kind == PERSON) {
            make_person(&line, event, time_ms);
        } else if (kind == AUCTION) {
            make_auction(&line, event, time_ms);
        } else {
            make_bid(&bid, event, time_ms);
            if (unfriendly)
                write_bid_unfriendly(&line, &bid);
            else
                write_bid(&line, &bid);
        }
        fwrite(line.bytes, 1, (size_t)(line.at - line.bytes), files[kind]);
        rows[kind]++;
        bytes[kind] += line.at - line.bytes;
    }
    close_files(first_modified + events / per_file + 1);
    for (int kind = 0; kind < KINDS; kind++)
        printf("%s rows=%lld bytes=%lld\n", kind_names[kind], (long long)rows[kind], (long long)bytes[kind]);
    return 0;
}
