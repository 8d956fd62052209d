"""Read the cells of a table of text as spreadsheets write it.

In: the path of a file: comma, semicolon or tab between the cells; UTF-8 with or without its mark, or UTF-16 with it.
Out: its cells as text. Empty rows, and empty cells beyond the header, are left out.
"""

import codecs
import csv
import io
import re
import unicodedata

SEPARATORS = ",;\t"
SAID = re.compile(r"(?i)\s*\"?sep=(.)\"?[,;\t\s]*")  # a first line in which spreadsheets name the separator
UTF_16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE


def read_rows(path, *, most_bytes=-1):
    """Read a table -> its header, {number of the line: cells} of the rows below it, and the separator of the cells.

    Trailing empty cells of the header, and the empty cells below them, are left out. At most `most_bytes` are read, in
    whole lines; -1 is all. Raises ValueError for a file that is not such a text.
    """
    with path.open("rb") as file:
        content = file.read(most_bytes)
    if len(content) == most_bytes:
        content = content[: content.rfind(b"\n") + 1 or None]
    text = _decoded(content, path)
    first = next((line for line in io.StringIO(text) if line.strip(SEPARATORS + " \r\n")), "")
    said = SAID.fullmatch(first.rstrip("\r\n"))
    separator = said[1] if said else max(SEPARATORS, key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        numbered = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(_not_text(path, error)) from None
    (_, names), *rows = numbered[bool(said) :] or [(0, [])]
    header = [clean(name) for name in names]
    while header and not header[-1]:
        header.pop()
    return header, {line: _shortened(row, header, names, separator) for line, row in rows}, separator


def clean(text):
    """Write a name in one way: no blanks around it, one blank for several, nothing invisible, one form of Unicode.

    So `P03` and `P03` with a non-breaking blank, or an umlaut in one or in two characters, are the same name.
    """
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", seen).split())


def _shortened(row, header, names, separator):
    """Leave out a row's empty cells beyond the header.

    A comma-separated row that is longer than the header stays as it is: a decimal comma may have moved its cells.
    """
    if len(row) > len(names) and separator == ",":
        return row
    beyond = next((number for number, cell in enumerate(row[::-1]) if cell.strip()), len(row))
    return row[: max(len(header), len(row) - beyond)]


def _decoded(content, path):
    """Decode a file's bytes; raises ValueError if they are not text in UTF-8, or in UTF-16 with its mark."""
    try:
        wide = content.startswith(UTF_16)
        text = content[: len(content) // 2 * 2].decode("utf-16") if wide else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_not_text(path, error)) from None
    if "\0" in text:
        raise ValueError(_not_text(path, "it holds zero bytes"))
    return text


def _not_text(path, why):
    return (
        f"A table is text in UTF-8 with cells separated by commas, semicolons or tabs; {path} cannot be read: {why}. "
        "Save it again as `CSV UTF-8`."
    )
