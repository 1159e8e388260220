"""Names that somebody else chose, made fit to print and to write."""


def printable(text: object) -> str:
    """Returns text that any terminal and any UTF-8 file can take.

    Control characters (line breaks, escape sequences of a terminal) and bytes
    that are no text in the file system's encoding appear as escapes.
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in str(text)
    )
