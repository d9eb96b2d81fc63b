"""Boundaries of bodies with several parts do not count."""

from __future__ import annotations

import pytest

from recstore.record.multipart import BOUNDARY, is_multipart, with_constant_boundary


def _form(boundary: bytes, content: bytes = b"x") -> bytes:
    part = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n' % content
    return b"--%b\r\n%b--%b\r\n%b--%b--\r\n" % (boundary, part, boundary, part, boundary)


@pytest.mark.parametrize("stated", ["boundary=ab12", 'charset=utf-8; Boundary="ab12"', "boundary=ab12; charset=utf-8"])
def test_every_boundary_becomes_the_same_one(stated: str) -> None:
    """In the header and in the body."""
    content_type, body = with_constant_boundary(f"multipart/form-data; {stated}", _form(b"ab12"))

    assert stated.replace('"', "").replace("ab12", BOUNDARY) in content_type
    assert _form(BOUNDARY.encode()) == body


def test_what_a_part_says_is_left_alone() -> None:
    """Also where it holds the boundary without being one, or no text."""
    content = b"--ab1 ab12 x--ab12\r\n--ab123 \xff\x00"

    _, body = with_constant_boundary("multipart/form-data; boundary=ab12", _form(b"ab12", content))

    assert _form(BOUNDARY.encode(), content) == body


@pytest.mark.parametrize(
    "content_type", ["", "multipart/form-data", "text/plain; boundary=ab12", "multipart/mixed; boundary="]
)
def test_other_bodies_are_left_alone(content_type: str) -> None:
    """No boundary is stated, or the body has no parts."""
    assert (content_type, _form(b"ab12")) == with_constant_boundary(content_type, _form(b"ab12"))


def test_a_body_that_has_the_constant_boundary_keeps_its_own() -> None:
    """Two parts would become one."""
    body = _form(b"ab12", BOUNDARY.encode())

    assert ("multipart/x; boundary=ab12", body) == with_constant_boundary("multipart/x; boundary=ab12", body)


def test_a_type_of_several_parts_is_seen() -> None:
    """In any case."""
    assert is_multipart(" Multipart/Form-Data; boundary=x")
    assert not is_multipart("text/multipart/")
