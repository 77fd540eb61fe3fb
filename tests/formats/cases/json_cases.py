"""Small JSON files whose reading was doubtful enough to ask Spark. record.py adds the answers."""
CASES = []
WIDE = "b BOOLEAN, y TINYINT, h SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(10,2), s STRING, x BINARY, t TIMESTAMP, z TIMESTAMP_NTZ, e DATE"
KINDS = {"b": "BOOLEAN", "y": "TINYINT", "h": "SMALLINT", "i": "INT", "l": "BIGINT", "f": "FLOAT", "d": "DOUBLE", "n": "DECIMAL(10,2)",
         "big": "DECIMAL(38,10)", "s": "STRING", "x": "BINARY", "t": "TIMESTAMP", "z": "TIMESTAMP_NTZ", "e": "DATE", "a": "ARRAY<INT>",
         "as": "ARRAY<STRING>", "m": "MAP<STRING,INT>", "o": "STRUCT<p: INT, q: STRING>", "ao": "ARRAY<STRUCT<p: INT, q: STRING>>"}
VALUES = ["null", "true", "false", "0", "-0", "1", "-1", "7", "127", "128", "255", "256", "-128", "-129", "32767", "32768", "65535", "65536", "2147483647", "2147483648",
          "-2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1234567890123456789",
          "12345678901234567890123", "1.0", "1.5", "-1.5", "1.005", "1.004999", "99999999.99", "99999999.995", "100000000", "1e2", "1E2", "1e-2", "1.5e3", "1e400", "-1e400", "1e-400", "0.1", "1.7976931348623157e308",
          "3.4028235e38", "3.5e38", "16777217", "123456789.123456789", "0.30000000000000004", "12345678901234567890.5",
          "NaN", "Infinity", "-Infinity", "+Infinity", "INF", "+INF", "-INF", "\"NaN\"", "\"Infinity\"", "\"-Infinity\"", "\"+INF\"", "\"-INF\"", "\"INF\"", "\"inf\"",
          "\"\"", "\" \"", "\"1\"", "\" 1\"", "\"1.5\"", "\"1e2\"", "\"true\"", "\"True\"", "\"abc\"", "\"null\"", "\"1,000\"", "\"-12\"", "\"1.005\"",
          "\"2024-01-02\"", "\"2024-1-2\"", "\"2024\"", "\"2024-01-02T03:04:05\"", "\"2024-01-02T03:04:05Z\"", "\"2024-01-02 03:04:05\"", "\"2024-01-02T03:04:05.123456Z\"",
          "\"2024-01-02T03:04:05.1234567Z\"", "\"2024-01-02T03:04:05+01:30\"", "\"2024-01-02T03:04\"", "\"2024-02-30\"", "\"2024-01-02T25:00:00Z\"", "\"2024-01-02T03:04:05 Europe/Zurich\"",
          "\" 2024-01-02 \"", "\"1970-01-01T00:00:00.5Z\"", "\"0001-01-01\"", "\"9999-12-31T23:59:59.999999Z\"", "\"now\"", "\"epoch\"", "\"20240102\"",
          "\"AQID\"", "\"AQI=\"", "\"AQI\"", "\"A\"", "\"a\\u0041\\n\\t\\\"\\\\\\/\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00x\"", "\"\\u0000\"", "\"h\u00e9llo \u4e16\u754c \U0001F600\"",
          "[]", "{}", "[1,2]", "[1,null,3]", "[1,\"x\",3]", "[\"a\",1,{\"p\":1}]", "[[1],[2]]", "{\"p\":1}", "{\"p\":1,\"q\":\"x\"}", "{\"p\":\"x\",\"q\":\"y\"}", "{\"q\":\"y\",\"p\":\"x\",\"r\":3}",
          "{\"1\":2}", "{\"a\":1,\"a\":2}", "{\"a\":\"x\",\"b\":2}", "{ \"a\" : [ 1 , 2.50 ] , \"b\" : { \"c\" : null } }", "[{\"p\":1},{\"q\":\"z\"}]", "[{\"p\":1},{\"p\":\"bad\",\"q\":\"z\"},null]", "[1.0]", "1.50", "1.0e5", "-0.0", "100", "1e22", "1.10E+2"]


def case(name, schema, text, options=None, **more):
    entry = {"name": name, "format": "json", "schema": schema, "options": options or {}}
    if isinstance(text, bytes):
        entry["hex"] = text.hex()
    else:
        entry["input"] = text
    entry.update(more)
    CASES.append(entry)


# Every value as every type, one line each, with the record kept when something was wrong.
FUNCTIONS = {"t": "unix_micros(t)", "e": "unix_date(e)"}  # Python cannot hold all of them
for key, kind in KINDS.items():
    case("values as " + kind, "%s %s, after INT, _corrupt_record STRING" % (key, kind),
         "".join("{\"%s\":%s,\"after\":1}\n" % (key, v) for v in VALUES), cache=True, select=[FUNCTIONS.get(key, key), "after", "_corrupt_record"])

LINES = {
    "plain": '{"a":1,"b":"x"}', "blank": "", "blanks": "   ", "number": "12", "string": '"x"', "null": "null", "true": "true", "array": '[{"a":1,"b":"x"},{"a":2}]',
    "array empty": "[]", "array of array": '[[{"a":1}]]', "array with null": '[{"a":1},null,{"a":3}]', "array with number": '[{"a":1},2,{"a":3}]', "array mistyped": '[{"a":1},{"a":"x","b":"y"},{"a":3}]',
    "array cut": '[{"a":1},{"a":2}', "array and rest": '[{"a":1}] x', "empty object": "{}", "two records": '{"a":1}{"a":2}', "two records blank": '{"a":1} {"a":2}', "comma between": '{"a":1},{"a":2}', "trailing comma": '{"a":1},',
    "trailing text": '{"a":1} garbage', "trailing brace": '{"a":1}}', "trailing bracket": '{"a":1}]', "cut": '{"a":1', "cut in string": '{"a":1,"b":"x', "cut after key": '{"a"', "cut after colon": '{"a":',
    "double comma": '{"a":1,,"b":"x"}', "comma at end": '{"a":1,}', "comma at start": '{,"a":1}', "missing colon": '{"a" 1}', "missing comma": '{"a":1 "b":"x"}', "single quotes": "{'a':1,'b':'x'}", "single quotes escape": "{'b':'it\\'s \"q\"'}",
    "unquoted name": '{a:1}', "comment": '{"a":1/*c*/,"b":"x"}', "line comment": '{"a":1} // c', "leading zeros": '{"a":007,"b":"x"}', "leading plus": '{"a":+1,"b":"x"}', "dot start": '{"a":.5}', "dot end": '{"a":5.}', "hex": '{"a":0x1}',
    "tru": '{"u":tru,"a":1}', "nul": '{"u":nul}', "truex": '{"u":truex,"a":1}', "bad escape": '{"b":"\\x"}', "bad unicode escape": '{"b":"\\u12g4"}', "short unicode escape": '{"b":"\\u12"}', "tab in string": '{"b":"a\tb","a":1}', "control in string": '{"b":"a\u0001b"}', "del in string": '{"b":"a\u007fb"}',
    "control in unused": '{"u":"a\tb","a":1}', "bad escape in unused": '{"u":"\\x","a":1}', "number junk in unused": '{"u":1x,"a":1}', "cut unused": '{"a":1,"u":[1,2}', "mismatch": '{"a":1,"u":[1,2}]}', "nested unused": '{"u":{"x":[1,{"y":"]}"}]},"a":1}',
    "duplicate": '{"a":1,"a":2}', "duplicate null": '{"a":1,"a":null}', "duplicate bad last": '{"a":1,"a":"x","b":"y"}', "duplicate bad first": '{"a":"x","a":1,"b":"y"}', "case": '{"A":1,"B":"x"}', "escaped name": '{"\\u0061":1,"b":"x"}', "empty name": '{"":1,"a":2}',
    "blanks around": '  { "a" : 1 , "b" : "x" }  ', "tabs": '\t{\t"a"\t:\t1}\t', "cr end": '{"a":1}\r', "form feed": '\f{"a":1}', "nbsp": '\u00a0{"a":1}', "bom": '\ufeff{"a":1}', "nul byte": '{"a":1}\u0000', "nul only": '\u0000', "order": '{"b":"x","a":1}',
    "unknown": '{"a":1,"b":"x","c":[1]}', "bad then good": '{"a":"x","b":"y"}', "long as text": '{"b":12345678901234567890}', "float as text": '{"b":1.50e1}', "object as text": '{"b":{"x" : 1, "y":[true , null]}}', "escaped as text": '{"b":{"x":"\\u00e9\\n"}}', "bool as text": '{"b":true}',
    "long number": '{"b":' + "1" * 1000 + '}', "longer number": '{"b":' + "1" * 1001 + '}', "longer number unused": '{"u":' + "1" * 1001 + ',"a":1}', "long float": '{"a":1,"u":0.' + "1" * 1001 + '}', "line separator": '{"b":"a\u2028b"}',
}
for name, line in LINES.items():
    case("line: " + name, "a INT, b STRING, _corrupt_record STRING", '{"a":-1,"b":"before"}\n' + line + '\n{"a":-2,"b":"after"}\n', cache=True)
BAD = ["mistyped", '{"a":"x","b":"y"}'], ["syntax", '{"a":1,'], ["array", '[{"a":1},{"a":"x"}]'], ["number", "5"], ["invalid", '{"a":1,"u":tru}']
for name, line in BAD:
    for mode in ["DROPMALFORMED", "FAILFAST", "permissive"]:
        case("mode %s: %s" % (mode, name), "a INT, b STRING", '{"a":-1,"b":"before"}\n' + line + '\n{"a":-2,"b":"after"}\n', {"mode": mode})
# only what is asked for is converted
case("pruned mistyped", "a INT, b STRING, _corrupt_record STRING", '{"a":"x","b":"y"}\n{"a":1,"b":"z"}\n', select=["b"])
case("pruned failfast", "a INT, b STRING", '{"a":"x","b":"y"}\n', {"mode": "FAILFAST"}, select=["b"])
case("pruned syntax", "a INT, b STRING", '{"b":"y","a":tru}\n{"b":"y"', select=["b"])
case("count", "a INT, b STRING", '{"a":1}\n\n{"a":x}\n[]\n[{},{}]\nnull\n', select=["count(*)"])
# invalid UTF-8
for name, data in {"lone continuation": b"\x80", "cut sequence": b"\xc3", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80", "beyond": b"\xf4\x90\x80\x80", "ff": b"\xff", "latin1": b"caf\xe9 x", "cut three": b"\xe2\x82", "overlong three": b"\xe0\x80\xaf", "bad continuation": b"\xc3\x28"}.items():
    case("utf8 in used: " + name, "a INT, b STRING, _corrupt_record STRING", b'{"a":-1}\n{"a":1,"b":"[' + data + b']"}\n{"a":-2}\n', cache=True)
    case("utf8 in unused: " + name, "a INT, b STRING, _corrupt_record STRING", b'{"a":-1}\n{"a":1,"u":"[' + data + b']"}\n{"a":-2}\n', cache=True)
    case("utf8 in name: " + name, "a INT, b STRING, _corrupt_record STRING", b'{"a":-1}\n{"a":1,"[' + data + b']":2}\n{"a":-2}\n', cache=True)
    case("utf8 outside: " + name, "a INT, b STRING, _corrupt_record STRING", b'{"a":-1}\n' + data + b'{"a":1}\n{"a":-2}\n', cache=True)
# line ends
for name, data in {"crlf": b'{"a":1}\r\n{"a":2}\r\n', "cr": b'{"a":1}\r{"a":2}\r', "mixed": b'{"a":1}\r\n{"a":2}\n{"a":3}\r{"a":4}', "cr inside": b'{"a":1,\r"b":"x"}\n', "no end": b'{"a":1}\n{"a":2}', "bom": b'\xef\xbb\xbf{"a":1}\n{"a":2}\n',
                   "empty": b"", "only blank": b"\n\n  \n", "utf16 bom": b'\xff\xfe{\x00"\x00a\x00"\x00:\x001\x00}\x00'}.items():
    case("ends: " + name, "a INT, b STRING, _corrupt_record STRING", data, cache=True)
case("lineSep", "a INT", '{"a":1}|{"a":2}|{"a":3}', {"lineSep": "|"})
case("lineSep long", "a INT", '{"a":1}###{"a":2}###{"a":3}###', {"lineSep": "###"})
case("lineSep overlapping", "a INT", '{"a":1}##{"a":2}####{"a":3}##\n{"a":4}', {"lineSep": "##"})
case("lineSep newline keeps cr", "a INT, _corrupt_record STRING", '{"a":1}\r\n{"a":2}\r{"a":3}\n', {"lineSep": "\n"}, cache=True)
# options
WRONG = '{"a":1,"b":"x"}\n'
case("no single quotes", "a INT, b STRING", "{'a':1}\n" + WRONG, {"allowSingleQuotes": "false"})
case("unquoted names", "a INT, b STRING", "{a:1,b:'x'}\n{$a:1,a_1:2,a:3}\n{a-b:1,a:2}\n", {"allowUnquotedFieldNames": "true"})
case("comments", "a INT, b STRING", '{"a":1/*c*/,"b":"x"}\n{"a":2}//x\n// x\n/* x */{"a":3}\n{//x\n"a":4}\n# x\n', {"allowComments": "true"})
case("leading zeros", "a INT, b STRING", '{"a":007,"b":"x"}\n{"a":00,"b":001.50}\n{"a":-01}\n{"b":0010}\n', {"allowNumericLeadingZeros": "true"})
case("any escape", "a INT, b STRING", '{"b":"\\x\\$\\\'"}\n{"b":"\\u00e9\\n"}\n', {"allowBackslashEscapingAnyCharacter": "true"})
case("control chars", "a INT, b STRING", '{"b":"a\tb\u0001"}\n', {"allowUnquotedControlChars": "true"})
case("no non-numeric", "d DOUBLE, a INT", '{"d":NaN,"a":1}\n{"d":"NaN","a":2}\n{"d":"Infinity","a":3}\n{"d":1,"a":4}\n', {"allowNonNumericNumbers": "false"})
case("corrupt name", "a INT, bad STRING", '{"a":x}\n{"a":1}\n', {"columnNameOfCorruptRecord": "bad"}, cache=True)
case("corrupt column in data", "a INT, _corrupt_record STRING", '{"a":1,"_corrupt_record":"mine"}\n{"a":x}\n', cache=True)
case("corrupt column not last", "_corrupt_record STRING, a INT", '{"a":x}\n{"a":1}\n', cache=True)
case("corrupt column not string", "a INT, _corrupt_record INT", '{"a":x}\n')
case("date format", "e DATE, a INT", '{"e":"02/01/2024","a":1}\n{"e":"2024-01-02","a":2}\n{"e":"2/1/2024","a":3}\n', {"dateFormat": "dd/MM/yyyy"})
case("timestamp format", "t TIMESTAMP, a INT", '{"t":"02/01/2024 03:04","a":1}\n{"t":"2024-01-02T03:04:05Z","a":2}\n', {"timestampFormat": "dd/MM/yyyy HH:mm"})
case("timestamp format zone", "t TIMESTAMP, a INT", '{"t":"2024-01-02T03:04:05.123+02:00","a":1}\n{"t":"2024-01-02T03:04:05Z","a":2}\n', {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]"})
case("ntz format", "z TIMESTAMP_NTZ, a INT", '{"z":"02/01/2024 03:04","a":1}\n{"z":"2024-01-02T03:04:05","a":2}\n', {"timestampNTZFormat": "dd/MM/yyyy HH:mm"})
case("time zone", "t TIMESTAMP, e DATE", '{"t":"2024-07-02T03:04:05","e":"2024-07-02"}\n{"t":"2024-07-02T03:04:05Z"}\n', {"timeZone": "Europe/Zurich"})
case("fallback off", "t TIMESTAMP", '{"t":"2024-01-02"}\n{"t":"02/01/2024"}\n', {"timestampFormat": "dd/MM/yyyy", "enableDateTimeParsingFallback": "true"})
case("latin1", "a INT, b STRING", b'{"a":1,"b":"caf\xe9"}\n', {"encoding": "ISO-8859-1", "lineSep": "\n"})
case("utf16", "a INT, b STRING", '{"a":1,"b":"h\u00e9"}\n{"a":2}'.encode("utf-16-le"), {"encoding": "UTF-16LE", "lineSep": "\n"})
case("utf16 multi", "a INT, b STRING", '{"a":1,"b":"h\u00e9"}'.encode("utf-16"), {"encoding": "UTF-16", "multiLine": "true"})
MULTI = {"object": '{"a":1,\n"b":"x"}', "array": '[{"a":1},\n{"a":2,"b":"y"}]', "two": '{"a":1}\n{"a":2}', "bad": '{"a":1,\n"b":}', "mistyped": '[{"a":1},{"a":"x","b":"y"}]', "empty": "", "blank": " \n", "string": '"x"', "trailing": '{"a":1} x', "array cut": '[{"a":1},{"a":2}', "crlf": '{"a":1,\r\n"b":"x\\n"}\r\n'}
for name, text in MULTI.items():
    case("multiLine: " + name, "a INT, b STRING, _corrupt_record STRING", text, {"multiLine": "true"}, cache=True)
case("multiLine failfast", "a INT, b STRING", '{"a":1,\n"b":}', {"multiLine": "true", "mode": "FAILFAST"})
# nesting
for depth in [499, 500, 501, 999, 1000, 1001, 1200]:
    case("nesting in unused %d" % depth, "a INT, _corrupt_record STRING", '{"u":' + "[" * (depth - 1) + "]" * (depth - 1) + ',"a":1}\n', select=["a", "length(_corrupt_record)"])
    case("nesting as text %d" % depth, "b STRING, a INT", '{"b":' + "[" * (depth - 1) + "]" * (depth - 1) + ',"a":1}\n', select=["length(b)", "a"])
case("long name", "a INT", '{"' + "n" * 50000 + '":1,"a":1}\n{"' + "n" * 50001 + '":1,"a":1}\n')
NEST = "o STRUCT<p: INT, q: STRUCT<r: ARRAY<INT>, s: STRING>>, m MAP<STRING, STRUCT<p: INT>>, l ARRAY<ARRAY<STRING>>, a INT, _corrupt_record STRING"
case("nested", NEST, "\n".join(['{"o":{"p":1,"q":{"r":[1,2],"s":"x"}},"m":{"k":{"p":1},"l":null},"l":[["a",1],[],null],"a":1}', '{"o":{"p":"bad","q":{"r":[1,"bad"],"s":"x"}},"a":1}', '{"o":{"q":{"r":["bad"],"s":"x"},"p":2},"a":1}',
     '{"o":null,"m":null,"l":null,"a":1}', '{"o":[],"m":[],"l":{},"a":1}', '{"m":{"k":{"p":"bad"},"l":{"p":2}},"a":1}', '{"m":{"k":5},"a":1}', '{"l":[["a"],"b"],"a":1}', '{"o":{},"m":{},"l":[],"a":1}', '{"o":{"p":1,"p":2},"a":1}', '{"o":"","m":"","l":"","a":1}']), cache=True)
case("not null", "a INT NOT NULL, b STRING", '{"b":"x"}\n{"a":null}\n{"a":1}\n{"a":"x"}\n')
case("case insensitive columns", "A INT, a INT, b STRING", '{"A":1,"a":2}\n')
