"""Small CSV files whose reading was doubtful enough to ask Spark. record.py adds the answers."""
import random

CASES = []
ABC = "a INT, b STRING, c STRING, _corrupt_record STRING"


def case(name, schema, text, options=None, **more):
    entry = {"name": name, "format": "csv", "schema": schema, "options": options or {}, "cache": "_corrupt_record" in (schema or "")}
    if isinstance(text, bytes):
        entry["hex"] = text.hex()
    else:
        entry["input"] = text
    entry.update(more)
    CASES.append(entry)


KINDS = {"b": "BOOLEAN", "y": "TINYINT", "h": "SMALLINT", "i": "INT", "l": "BIGINT", "f": "FLOAT", "d": "DOUBLE", "n": "DECIMAL(10,2)", "s": "STRING", "x": "BINARY",
         "t": "TIMESTAMP", "z": "TIMESTAMP_NTZ", "e": "DATE"}
VALUES = ["", "0", "-0", "1", "+1", "-1", "7", "007", "127", "128", "-128", "-129", "32768", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808", "12345678901234567890123",
          "1.0", "1.5", "-1.5", "1.005", ".5", "5.", "99999999.995", "1e2", "1E2", "1e-2", "1e400", "-1e400", "1e-400", "1d", "1f", "1L", "0x10", "1_000", "NaN", "nan", "Inf", "-Inf", "inf", "+Inf", "Infinity", "-Infinity", "INF",
          "true", "TRUE", "True", "false", "t", "yes", "1,5", " 1", "1 ", " ", "abc", "null", "NULL", "\"\"", "\"1\"", "\" 1 \"", "\"1,000.5\"",
          "2024-01-02", "2024-1-2", "2024", "2024-01", "2024-01-02T03:04:05", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05", "2024-01-02T03:04:05.123456Z", "2024-01-02T03:04:05.1234567Z", "2024-01-02T03:04:05+01:30", "2024-01-02T03:04",
          "2024-02-30", "2024-01-02T25:00:00Z", "2024-01-02 03:04:05 Europe/Zurich", " 2024-01-02 ", "0001-01-01", "9999-12-31T23:59:59.999999Z", "now", "epoch", "20240102", "AQID", "h\u00e9llo \u4e16", "a\tb", "'x'", "#x"]
FUNCTIONS = {"t": "unix_micros(t)", "e": "unix_date(e)"}
for key, kind in KINDS.items():
    case("values as " + kind, "%s %s, after INT, _corrupt_record STRING" % (key, kind), "".join("%s,1\n" % v for v in VALUES if key != "z" or v != "32768"), select=[FUNCTIONS.get(key, key), "after", "_corrupt_record"])

LINES = {
    "plain": "1,x,y", "blank": "", "blanks": "   ", "short": "1,x", "shorter": "1", "long": "1,x,y,z", "empty last": "1,x,", "empties": ",,", "only comma": ",", "quoted": '1,"x","y"', "quoted comma": '1,"x,z",y', "quoted quote": '1,"x""z",y',
    "escaped quote": '1,"x\\"z",y', "escaped backslash": '1,"x\\\\",y', "backslash plain": "1,x\\y,z", "backslash n": '1,"x\\n",y', "backslash comma": "1,x\\,y,z", "empty quoted": '1,"",y', "quoted blank": '1," ",y', "blank before quote": '1, "x",y',
    "blank after quote": '1,"x" ,y', "text after quote": '1,"x"z,y', "text before quote": '1,x"z",y', "quote in middle": '1,x"z,y', "unclosed": '1,"x,y', "unclosed end": '1,x,"y', "lone quote": '1,",y', "two quotes": '1,"","",', "three quotes": '1,""",y', "four quotes": '1,"""",y',
    "five": '1,"""x""",y', "unescaped inside": '1,"a "b" c",y', "unescaped at delimiter": '1,"a"b,c",y', "unescaped end": '1,x,"a"b', "tab": "1,\tx\t,y", "leading blanks": "1,  x  ,  y  ", "bad int": "z,x,y", "bad int blank": " 1,x,y", "bad int only": "z", "nul": "1,x\u0000y,z", "comment sign": "#1,x,y", "semicolons": "1;x;y", "single quotes": "1,'x,y',z",
    "unicode": "1,h\u00e9\u4e16\U0001F600,y", "quoted number": '"1","x","y"', "quoted empty number": '"",x,y', "cr": "1,x,y\r", "very long": "1," + "x" * 5000 + ",y", "all quoted empty": '"","",""', "blanks around quotes": '1,  "x"  ,  "y"  ', "escape at end": '1,x,"y\\"', "escape last": '1,x,y\\', "double escape": '1,"a\\\\"b",c',
}
for name, line in LINES.items():
    case("line: " + name, ABC, '-1,before,b\n' + line + '\n-2,after,a\n')
WS = {"ignoreLeadingWhiteSpace": "true", "ignoreTrailingWhiteSpace": "true"}
for name in ["leading blanks", "blanks around quotes", "blank before quote", "blank after quote", "quoted blank", "bad int blank", "blanks", "tab", "text after quote"]:
    case("trimmed: " + name, ABC, '-1,before,b\n' + LINES[name] + '\n-2,after,a\n', WS)
    case("left trimmed: " + name, ABC, '-1,before,b\n' + LINES[name] + '\n-2,after,a\n', {"ignoreLeadingWhiteSpace": "true"})
    case("right trimmed: " + name, ABC, '-1,before,b\n' + LINES[name] + '\n-2,after,a\n', {"ignoreTrailingWhiteSpace": "true"})
for name, line in {"bad int": "z,x,y", "short": "1", "long": "1,x,y,z", "unclosed": '1,"x,y'}.items():
    for mode in ["DROPMALFORMED", "FAILFAST", "permissive"]:
        case("mode %s: %s" % (mode, name), "a INT, b STRING, c STRING", "-1,before,b\n" + line + "\n-2,after,a\n", {"mode": mode})
    case("pruned: " + name, "a INT, b STRING, c STRING", "-1,before,b\n" + line + "\n-2,after,a\n", select=["b"])
    case("pruned drop: " + name, "a INT, b STRING, c STRING", "-1,before,b\n" + line + "\n-2,after,a\n", {"mode": "DROPMALFORMED"}, select=["b"])
    case("pruned corrupt: " + name, ABC, "-1,before,b\n" + line + "\n-2,after,a\n", select=["b", "_corrupt_record"])
    case("count: " + name, "a INT, b STRING, c STRING", "-1,before,b\n" + line + "\n\n-2,after,a\n", select=["count(*)"])
    case("count drop: " + name, "a INT, b STRING, c STRING", "-1,before,b\n" + line + "\n\n-2,after,a\n", {"mode": "DROPMALFORMED"}, select=["count(*)"])
# header
HEADED = "a,b,c\n1,x,y\n2,z,w\n"
case("header", "a INT, b STRING, c STRING", HEADED, {"header": "true"})
case("header other names", "p INT, q STRING, r STRING", HEADED, {"header": "true"})
case("header other names enforced off", "p INT, q STRING, r STRING", HEADED, {"header": "true", "enforceSchema": "false"})
case("header other order enforced off", "b STRING, a INT, c STRING", HEADED, {"header": "true", "enforceSchema": "false"})
case("header case enforced off", "A INT, B STRING, C STRING", HEADED, {"header": "true", "enforceSchema": "false"})
case("header longer", "a INT, b STRING", HEADED, {"header": "true"})
case("header longer enforced off", "a INT, b STRING", HEADED, {"header": "true", "enforceSchema": "false"})
case("header after blanks", "a INT, b STRING, c STRING", "\n  \n#no\n" + HEADED, {"header": "true", "comment": "#"})
case("header repeated", "a STRING, b STRING, c STRING", "a,b,c\na,b,c\n1,2,3\n", {"header": "true"})
case("header only", "a INT, b STRING, c STRING", "a,b,c\n", {"header": "true"})
case("header quoted newline", "a INT, b STRING", 'a,"b\nb"\n1,x\n', {"header": "true", "multiLine": "true"})
case("header pruned", "a INT, b STRING, c STRING", HEADED, {"header": "true"}, select=["c"])
case("bom header", "a INT, b STRING, c STRING", b"\xef\xbb\xbf" + HEADED.encode(), {"header": "true", "enforceSchema": "false"})
# separators and the like
case("tab separated", "a INT, b STRING, c STRING", "1\tx\ty\n", {"sep": "\\t"})
case("tab separated raw", "a INT, b STRING, c STRING", "1\tx\ty\n", {"delimiter": "\t"})
case("pipe", "a INT, b STRING, c STRING", "1|x|y\n", {"sep": "|"})
case("long separator", "a INT, b STRING, c STRING", '1||x|y||"z||w"\n', {"sep": "||"})
case("separator of three", "a INT, b STRING, c STRING", '1, ;x,;y, ;z\n', {"sep": ", ;"})
case("no quote", "a INT, b STRING, c STRING", '1,"x","y"\n', {"quote": ""})
case("quote single", "a INT, b STRING, c STRING", "1,'x,z','it''s'\n", {"quote": "'"})
case("escape quote", "a INT, b STRING, c STRING", '1,"x""z","a\\b"\n2,"x\\",y\n', {"escape": '"'})
case("escape other", "a INT, b STRING, c STRING", '1,"x^"z","a^^b"\n', {"escape": "^"})
case("escape of escape", "a INT, b STRING, c STRING", '1,"x\\\\","y"\n', {"charToEscapeQuoteEscaping": "\\"})
case("escape of escape other", "a INT, b STRING, c STRING", '1,"x^\\\\","y"\n', {"charToEscapeQuoteEscaping": "^"})
case("escape of escape alone", "a INT, b STRING, c STRING", '1,"a^^b","a^b\\"c^d"\n2,"a\\"^","x"\n', {"charToEscapeQuoteEscaping": "^"})
case("comment", "a INT, b STRING, c STRING", "#1,x,y\n2,#x,y\n #3,x,y\n4,x,y#z\n", {"comment": "#"})
case("comment blank", "a INT, b STRING, c STRING", "   #1,x,y\n2,x,y\n", {"comment": "#", "ignoreLeadingWhiteSpace": "true"})
case("lineSep", "a INT, b STRING", "1,x;2,y\n;3,z", {"lineSep": ";"})
case("null value", "a INT, b STRING, c STRING", '1,NA,\nNA,"NA",""\n', {"nullValue": "NA"})
case("empty value", "a INT, b STRING, c STRING", '1,"",\n2,,x\n', {"emptyValue": "EMPTY"})
case("empty and null", "a INT, b STRING, c STRING", '1,"",\n2,NA,x\n', {"emptyValue": "EMPTY", "nullValue": "NA"})
case("empty and null equal", "a INT, b STRING, c STRING", '1,"",\n2,NA,x\n', {"emptyValue": "NA", "nullValue": "NA"})
case("numbers named", "d DOUBLE, f FLOAT", "bad,up\ndown,bad\nNaN,Inf\n1,2\n", {"nanValue": "bad", "positiveInf": "up", "negativeInf": "down"})
case("date format", "e DATE, a INT, _corrupt_record STRING", "02/01/2024,1\n2024-01-02,2\n2/1/2024,3\n", {"dateFormat": "dd/MM/yyyy"})
case("timestamp format", "t TIMESTAMP, a INT, _corrupt_record STRING", "02/01/2024 03:04,1\n2024-01-02T03:04:05Z,2\n", {"timestampFormat": "dd/MM/yyyy HH:mm"})
case("ntz format", "z TIMESTAMP_NTZ, a INT, _corrupt_record STRING", "02/01/2024 03:04,1\n2024-01-02T03:04:05,2\n", {"timestampNTZFormat": "dd/MM/yyyy HH:mm"})
case("time zone", "t TIMESTAMP, e DATE", "2024-07-02T03:04:05,2024-07-02\n2024-07-02T03:04:05Z,\n", {"timeZone": "Europe/Zurich"})
case("max columns", "a INT, b STRING, c STRING", "1,x,y\n1,2,3,4\n5,6,7\n", {"maxColumns": "3"})
case("max chars", "a INT, b STRING, c STRING", "1,xxxxxxxxxxxx,y\n", {"maxCharsPerColumn": "5"})
for handling in ["STOP_AT_DELIMITER", "STOP_AT_CLOSING_QUOTE", "BACK_TO_DELIMITER", "SKIP_VALUE", "RAISE_ERROR"]:
    case("unescaped " + handling, ABC, '1,"a"b,c",y\n2,"a "b" c",y\n3,"x,y\n4,"a"b"c,y\n', {"unescapedQuoteHandling": handling})
# Lines made of little else than what means something.
DICE = random.Random(20260101)
for handling in ["STOP_AT_DELIMITER", "STOP_AT_CLOSING_QUOTE", "BACK_TO_DELIMITER", "SKIP_VALUE"]:
    for escape in ["\\", '"', "^"]:
        lines = ['"' + "".join(DICE.choice('ab,,"""\\^ ') for _ in range(DICE.randrange(3, 14))) for _ in range(60)]
        case("unescaped %s, escape %s, any" % (handling, escape), "a STRING, b STRING, c STRING, d STRING, e STRING, f STRING", "".join(l + "\n" for l in lines),
             {"unescapedQuoteHandling": handling, "escape": escape})
    case("unescaped %s, long delimiter" % handling, ABC, '1||"a"b||c"||y\n2||"a||b"c|d||e"||y\n3||"|x||"y\n', {"unescapedQuoteHandling": handling, "sep": "||"})
for line in ['"a"b', '"a"b"', '"a"\\b', '"a" b', '"a"']:
    case("unescaped RAISE_ERROR: " + line, "a STRING, b STRING", line + ",x\n", {"unescapedQuoteHandling": "RAISE_ERROR"})
case("latin1", "a INT, b STRING", b"1,caf\xe9\n", {"encoding": "ISO-8859-1"})
case("utf16", "a INT, b STRING", "1,h\u00e9\n2,x\n".encode("utf-16"), {"encoding": "UTF-16", "multiLine": "true"})
case("invalid utf8", "a INT, b STRING", b"1,caf\xe9 x\n2,ok\n")
case("corrupt name", "a INT, bad STRING", "x\n1\n", {"columnNameOfCorruptRecord": "bad"}, cache=True)
case("corrupt first", "_corrupt_record STRING, a INT, b STRING", "x,y\n1,z\n2\n", cache=True)
case("corrupt middle", "a INT, _corrupt_record STRING, b STRING", "x,y\n1,z\n2\n", cache=True)
case("crlf", "a INT, b STRING", b"1,x\r\n2,y\r3,z\r\n")
case("not null", "a INT NOT NULL, b STRING", ",x\nz,y\n1,\n")
MULTI = {"quoted newline": '1,"x\ny",z\n2,a,b\n', "quoted crlf": '1,"x\r\ny",z\r\n2,a,b\r\n', "unclosed": '1,"x\ny,z\n2,a,b\n', "blank lines": "\n1,x,y\n\n\n2,a,b\n", "cr only": "1,x,y\r2,a,b\r", "last without end": '1,x,y\n2,a,"b"', "short": "1,x\n2,a,b\n", "comment": "#1,x,y\n2,a,b\n", "bad": "z,x,y\n2,a,b\n",
         "mixed ends": "1,x,y\r\n2,a,b\n3,c,d\n", "lf then crlf": "1,x,y\n2,a,b\r\n3,c,d\n", "blanks line": "1,x,y\n   \n2,a,b\n", "empty": "", "cr in value": '1,"x\ry",z\n'}
for name, text in MULTI.items():
    case("multiLine: " + name, ABC, text, {"multiLine": "true"})
case("multiLine comment", ABC, "#1,x,y\n2,a,b\n", {"multiLine": "true", "comment": "#"})
case("multiLine header", "a INT, b STRING, c STRING", 'a,b,c\n1,"x\ny",z\n', {"multiLine": "true", "header": "true"})
case("multiLine trimmed", "a INT, b STRING, c STRING", '1,  "x\ny"  ,  z  \n', dict(WS, multiLine="true"))
case("multiLine failfast", "a INT, b STRING, c STRING", '1,x,y\nz,x,y\n', {"multiLine": "true", "mode": "FAILFAST"})
case("nested", "a INT, b ARRAY<INT>", "1,2\n")
# schema
for name, text in {"ints": "a,b\n1,2\n3,4\n", "long": "a\n1\n9999999999\n", "decimal": "a\n1\n12345678901234567890\n", "double": "a\n1\n1.5\n", "decimal and double": "a\n12345678901234567890\n1.5\n", "boolean": "a\ntrue\nfalse\n", "boolean and int": "a\ntrue\n1\n", "date": "a\n2024-01-02\n2024-03-04\n",
                   "timestamp": "a\n2024-01-02T03:04:05\n", "timestamp zone": "a\n2024-01-02T03:04:05Z\n", "timestamp blank": "a\n2024-01-02 03:04:05\n", "date and timestamp": "a\n2024-01-02\n2024-01-02T03:04:05\n", "timestamp and date": "a\n2024-01-02T03:04:05\n2024-01-02\n", "date and int": "a\n2024-01-02\n5\n", "int and date": "a\n5\n2024-01-02\n",
                   "empty": "a,b\n1,\n,\n", "nan": "a\nNaN\n1\n", "inf": "a\nInf\n-Inf\n1.5\n", "quoted": 'a,b\n"1","x"\n', "duplicate names": "a,a,A\n1,2,3\n", "empty names": "a,,c\n1,2,3\n", "blank names": "a, b ,c\n1,2,3\n", "short rows": "a,b,c\n1\n1,2\n", "long rows": "a,b\n1,2,3\n", "only header": "a,b\n", "nothing": "", "text": "a\nx\n1\n",
                   "leading zeros": "a\n007\n", "plus": "a\n+1\n", "blanks": "a\n 1\n", "exponent": "a\n1e5\n", "hex": "a\n0x10\n", "d suffix": "a\n1d\n", "dot": "a\n.5\n5.\n", "year": "a\n2024\n", "year month": "a\n2024-01\n", "slash date": "a\n01/02/2024\n", "long decimal": "a\n" + "1" * 39 + "\n", "large decimal": "a\n1234567890123456789012345678901234567\n", "decimal scale": "a\n123456789012345678901.5\n"}.items():
    case("infer: " + name, None, text, {"header": "true", "inferSchema": "true"}, schema_only=True)
for entry in CASES:
    if entry["schema"] is None:
        del entry["schema"]
case("no header", "x INT", "", {})
CASES.pop()
for options in [{"header": "true"}, {"inferSchema": "true"}, {}, {"header": "true", "inferSchema": "true", "preferDate": "false"}, {"header": "true", "inferSchema": "true", "dateFormat": "dd/MM/yyyy"}, {"header": "true", "inferSchema": "true", "timestampFormat": "dd/MM/yyyy HH:mm"}, {"header": "true", "inferSchema": "true", "nullValue": "1"}]:
    CASES.append({"name": "infer with %s" % options, "format": "csv", "options": options, "input": "a,b,c,d\n1,2024-01-02,02/01/2024 03:04,02/01/2024\n2,2024-01-03,03/01/2024 03:04,03/01/2024\n", "schema_only": True})
