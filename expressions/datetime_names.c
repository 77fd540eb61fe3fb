/* expressions/datetime_names.c: English names of months, days, eras and of the time zones people write by
 * name. */
#include <strings.h>

#include "expressions/datetime_pattern.h"

const char *const mr_month_names[12] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
const char *const mr_weekday_names[7] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};
const char *const mr_quarter_names[4] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};
const char *const mr_era_names[2] = {"Before Christ", "Anno Domini"};

/* The first zone of a list is the one that a name means when it is read. */
static const struct {
    struct mr_zone_names names;
    const char *zones; /* further ids, separated by blanks */
} zone_groups[] = {
    {{"UTC", "UTC", "Coordinated Universal Time", "Coordinated Universal Time", "UTC"},
     "Etc/UTC Etc/UCT Zulu Etc/Zulu UCT"},
    {{"GMT", "GMT", "Greenwich Mean Time", "Greenwich Mean Time", "GMT"},
     "Etc/GMT Africa/Abidjan Africa/Accra Atlantic/Reykjavik"},
    {{"PST", "PDT", "Pacific Standard Time", "Pacific Daylight Time", "America/Los_Angeles"},
     "America/Vancouver America/Tijuana US/Pacific PST8PDT"},
    {{"MST", "MDT", "Mountain Standard Time", "Mountain Daylight Time", "America/Denver"},
     "America/Boise America/Edmonton US/Mountain MST7MDT America/Phoenix MST"},
    {{"CST", "CDT", "Central Standard Time", "Central Daylight Time", "America/Chicago"},
     "America/Winnipeg America/Mexico_City US/Central CST6CDT"},
    {{"EST", "EDT", "Eastern Standard Time", "Eastern Daylight Time", "America/New_York"},
     "America/Toronto America/Detroit US/Eastern EST5EDT America/Panama EST"},
    {{"AST", "ADT", "Atlantic Standard Time", "Atlantic Daylight Time", "America/Halifax"},
     "America/Puerto_Rico Atlantic/Bermuda"},
    {{"NST", "NDT", "Newfoundland Standard Time", "Newfoundland Daylight Time", "America/St_Johns"}, ""},
    {{"AKST", "AKDT", "Alaska Standard Time", "Alaska Daylight Time", "America/Anchorage"},
     "US/Alaska America/Juneau"},
    {{"HST", "HDT", "Hawaii-Aleutian Standard Time", "Hawaii-Aleutian Daylight Time", "Pacific/Honolulu"},
     "US/Hawaii HST"},
    {{"BRT", "BRST", "Brasilia Standard Time", "Brasilia Summer Time", "America/Sao_Paulo"}, ""},
    {{"ART", "ARST", "Argentina Standard Time", "Argentina Summer Time", "America/Argentina/Buenos_Aires"},
     ""},
    {{"GMT", "BST", "Greenwich Mean Time", "British Summer Time", "Europe/London"}, "Europe/Belfast GB"},
    {{"GMT", "IST", "Greenwich Mean Time", "Irish Standard Time", "Europe/Dublin"}, ""},
    {{"WET", "WEST", "Western European Standard Time", "Western European Summer Time", "WET"},
     "Europe/Lisbon"},
    {{"CET", "CEST", "Central European Standard Time", "Central European Summer Time", "CET"},
     "Europe/Paris Europe/Berlin Europe/Zurich Europe/Vienna Europe/Rome Europe/Madrid Europe/Amsterdam "
     "Europe/Brussels "
     "Europe/Copenhagen Europe/Oslo Europe/Stockholm Europe/Prague Europe/Warsaw Europe/Budapest "
     "Europe/Belgrade "
     "Europe/Zagreb Europe/Ljubljana Europe/Luxembourg Europe/Monaco Europe/Malta MET"},
    {{"EET", "EEST", "Eastern European Standard Time", "Eastern European Summer Time", "EET"},
     "Europe/Helsinki Europe/Athens Europe/Kiev Europe/Kyiv Europe/Bucharest Europe/Sofia Europe/Riga "
     "Europe/Tallinn "
     "Europe/Vilnius Africa/Cairo Asia/Beirut"},
    {{"MSK", "MSD", "Moscow Standard Time", "Moscow Summer Time", "Europe/Moscow"}, "W-SU"},
    {{"SAST", "SAST", "South Africa Standard Time", "South Africa Standard Time", "Africa/Johannesburg"}, ""},
    {{"EAT", "EAT", "East Africa Time", "East Africa Time", "Africa/Nairobi"}, "Africa/Addis_Ababa"},
    {{"WAT", "WAST", "West Africa Standard Time", "West Africa Summer Time", "Africa/Lagos"}, ""},
    {{"IST", "IDT", "Israel Standard Time", "Israel Daylight Time", "Asia/Jerusalem"}, "Asia/Tel_Aviv"},
    {{"GST", "GST", "Gulf Standard Time", "Gulf Standard Time", "Asia/Dubai"}, "Asia/Muscat"},
    {{"PKT", "PKST", "Pakistan Standard Time", "Pakistan Summer Time", "Asia/Karachi"}, ""},
    {{"IST", "IST", "India Standard Time", "India Standard Time", "Asia/Kolkata"}, "Asia/Calcutta"},
    {{"ICT", "ICT", "Indochina Time", "Indochina Time", "Asia/Bangkok"}, "Asia/Saigon Asia/Ho_Chi_Minh"},
    {{"WIB", "WIB", "Western Indonesia Time", "Western Indonesia Time", "Asia/Jakarta"}, ""},
    {{"CST", "CDT", "China Standard Time", "China Daylight Time", "Asia/Shanghai"}, "PRC Asia/Chongqing"},
    {{"HKT", "HKST", "Hong Kong Standard Time", "Hong Kong Summer Time", "Asia/Hong_Kong"}, ""},
    {{"SGT", "SGT", "Singapore Standard Time", "Singapore Standard Time", "Asia/Singapore"}, ""},
    {{"JST", "JDT", "Japan Standard Time", "Japan Daylight Time", "Asia/Tokyo"}, "Japan"},
    {{"KST", "KDT", "Korean Standard Time", "Korean Daylight Time", "Asia/Seoul"}, ""},
    {{"AWST", "AWDT", "Australian Western Standard Time", "Australian Western Daylight Time",
      "Australia/Perth"},
     ""},
    {{"ACST", "ACDT", "Australian Central Standard Time", "Australian Central Daylight Time",
      "Australia/Adelaide"},
     "Australia/Darwin"},
    {{"AEST", "AEDT", "Australian Eastern Standard Time", "Australian Eastern Daylight Time",
      "Australia/Sydney"},
     "Australia/Melbourne Australia/Brisbane Australia/Hobart"},
    {{"NZST", "NZDT", "New Zealand Standard Time", "New Zealand Daylight Time", "Pacific/Auckland"}, "NZ"},
};
#define ZONE_GROUPS (sizeof zone_groups / sizeof zone_groups[0])

static bool listed(const char *list, const char *id)
{
    size_t size = strlen(id);
    for (const char *at = strstr(list, id); at; at = strstr(at + 1, id))
        if ((at == list || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

const struct mr_zone_names *mr_zone_names_of(const char *zone_id)
{
    for (size_t i = 0; i < ZONE_GROUPS; i++)
        if (strcmp(zone_groups[i].names.id, zone_id) == 0 || listed(zone_groups[i].zones, zone_id))
            return &zone_groups[i].names;
    return NULL;
}

static size_t prefix_size(struct mr_str text, const char *name)
{
    size_t size = strlen(name);
    return size <= text.size && strncasecmp(text.data, name, size) == 0 ? size : 0;
}

const struct mr_zone_names *mr_zone_names_match(struct mr_str text, size_t *size)
{
    const struct mr_zone_names *best = NULL;
    *size = 0;
    for (size_t i = 0; i < ZONE_GROUPS; i++) {
        const struct mr_zone_names *n = &zone_groups[i].names;
        const char *names[] = {n->standard_short, n->daylight_short, n->standard_full, n->daylight_full};
        for (int k = 0; k < 4; k++) {
            size_t matched = prefix_size(text, names[k]);
            if (matched > *size) {
                *size = matched;
                best = n;
            }
        }
    }
    return best;
}
