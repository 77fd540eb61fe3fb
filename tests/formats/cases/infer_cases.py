"""Small JSON files whose schema Spark was asked for."""
CASES = []


def case(name, text, options=None):
    CASES.append({"name": name, "format": "json", "options": options or {}, "input": text, "schema_only": True})


VALUES = ["1", "-1", "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1" * 38, "1" * 39, "1.0", "1.5", "1e2", "1e400", "1E-5", "0", "true", "null", '"x"', '""', '"1"', '"1.5"', '"2024-01-02"',
          '"2024-01-02T03:04:05Z"', '"2024-01-02 03:04:05"', '"2024"', '"true"', "NaN", "Infinity", "[]", "[1]", "[1.5]", "[1,2.5]", '["x",1]', "[null]", "[[]]", "[[1],[2.5]]", "{}", '{"p":1}', '{"p":null}', '{"p":{}}', '[{"p":1},{"q":"x"}]', "[{}]", '{"z":1,"a":2,"M":3}',
          "123456789012345678901.5", "0.1", "12345678901234567890", "1.10"]
for value in VALUES:
    for options in [{}, {"prefersDecimal": "true"}, {"primitivesAsString": "true"}, {"inferTimestamp": "true"}, {"dropFieldIfAllNull": "true"}]:
        case("one %s %s" % (value[:30], options), '{"v":%s}\n' % value, options)
PAIRS = ["1", "9223372036854775808", "1.5", "true", "null", '"x"', '"2024-01-02T03:04:05Z"', "[1]", '["x"]', "[]", '{"p":1}', '{"q":1}', '{"p":"x"}', "{}"]
for a in PAIRS:
    for b in PAIRS:
        case("two %s %s" % (a, b), '{"v":%s}\n{"v":%s}\n' % (a, b))
case("decimals", '{"v":1.25}\n{"v":100}\n{"v":123456789012345678901234567890}\n', {"prefersDecimal": "true"})
case("decimals too wide", '{"v":0.00000000000000000001}\n{"v":123456789012345678901234567890}\n', {"prefersDecimal": "true"})
case("timestamps and text", '{"v":"2024-01-02T03:04:05Z"}\n{"v":"x"}\n', {"inferTimestamp": "true"})
case("timestamp format", '{"v":"02/01/2024 03:04"}\n', {"inferTimestamp": "true", "timestampFormat": "dd/MM/yyyy HH:mm"})
case("order", '{"b":1,"a":2,"C":3,"\u00e9":4,"_x":5}\n{"aa":1}\n')
case("corrupt", '{"a":1}\n{"a":\n')
case("corrupt only", '{"a":\n')
case("corrupt dropped", '{"a":1}\n{"a":\n', {"mode": "DROPMALFORMED"})
case("corrupt named", '{"a":1}\n{"a":\n', {"columnNameOfCorruptRecord": "bad"})
case("array of records", '[{"a":1},{"b":"x"}]\n{"c":true}\n')
case("array of numbers", '[1,2]\n{"c":true}\n')
case("numbers", '1\n{"c":true}\n')
case("null record", 'null\n{"c":true}\n')
case("text record", '"x"\n{"c":true}\n')
case("empty records", '{}\n\n{}\n')
case("empty name", '{"":1,"a":2}\n')
case("duplicates", '{"a":1,"a":"x"}\n')
case("case", '{"a":1,"A":"x"}\n')
case("deep", '{"a":{"b":{"c":[{"d":1},{"d":2.5,"e":[null,"x"]}]}}}\n{"a":{"b":{"c":null,"f":true}}}\n')
case("single quotes", "{'a':1}\n")
case("multi line", '[{"a":1},\n{"b":2}]', {"multiLine": "true"})
case("multi line object", '{"a":1,\n"b":{"c":[1]}}', {"multiLine": "true"})
case("nothing", "")
case("blank", "\n \n")
