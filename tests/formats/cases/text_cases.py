"""Files read as text and as they are. record.py adds the answers."""
CASES = []


def case(name, text, options=None, form="text", schema="value STRING", **more):
    entry = {"name": name, "format": form, "schema": schema, "options": options or {}}
    entry["hex" if isinstance(text, bytes) else "input"] = text.hex() if isinstance(text, bytes) else text
    entry.update(more)
    CASES.append(entry)


TEXTS = {"plain": "a\nb\n", "no end": "a\nb", "blank lines": "\n\na\n\n", "crlf": "a\r\nb\r\n", "cr": "a\rb\r", "mixed": "a\r\nb\nc\rd", "empty": "", "one end": "\n", "blanks": "  a \n\tb\n",
         "mark": "\ufeffa\nb\n", "nul": "a\0b\nc", "wide": "h\u00e9llo \u4e16\n\U0001F600\n"}
for name, text in TEXTS.items():
    case(name, text)
    case("whole: " + name, text, {"wholetext": "true"})
case("invalid utf8", b"caf\xe9 x\nok\n\xff\xfe")
case("invalid utf8 whole", b"caf\xe9 x\nok\n\xff\xfe", {"wholetext": "true"})
for separator in ["|", "##", "\n", "\r\n", "aXa"]:
    case("lineSep " + repr(separator), separator.join(["one", "two", "", "three"]) + separator + "four", {"lineSep": separator})
    case("lineSep whole " + repr(separator), separator.join(["one", "two"]), {"lineSep": separator, "wholetext": "true"})
case("lineSep overlapping", "aXaXaXa", {"lineSep": "aXa"})
case("column name", "a\nb\n", schema="line STRING")
for name, data in {"some": b"ab\0\xff", "none": b"", "lines": b"a\nb\n"}.items():
    case("binaryFile: " + name, data, form="binaryFile", schema="path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY", select=["length", "content"])
case("binaryFile, gzip stays", bytes.fromhex("1f8b08000000000002034b04000043beb7e801000000"), form="binaryFile", file="data.gz",
     schema="path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY", select=["length", "content"])
