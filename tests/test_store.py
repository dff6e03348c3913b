"""The store: the same promises on a folder and on a real S3 server."""

from __future__ import annotations

import pickle
import threading
import urllib.error
import urllib.request

import pytest

from renderer.artifacts import Take
from renderer.errors import SettingsError, StoreError
from renderer.store import Store, open_store
from renderer.store.s3 import read_s3_object

TAKE = Take(
    key="shot-1", object="takes/shot-1.mp4", width=72, height=128, num_frames=32, frame_rate=10.0, seconds_spent=1.5
)


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return open_store(f"file://{tmp_path / 'store'}", tmp_path / "cache")
    url = request.getfixturevalue("s3_server")
    return open_store(f"{url}/{tmp_path.name}", tmp_path / "cache")


def test_a_record_comes_back_as_it_was(store):
    """Records survive as JSON; what is absent is None."""
    store.put_record("takes/shot-1.json", TAKE)

    assert TAKE == store.get_record("takes/shot-1.json", Take)
    assert store.get_record("takes/shot-2.json", Take) is None


def test_a_content_addressed_object_is_written_once(store, tmp_path):
    """The first writer wins; a later one changes nothing."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    store.put_file("images/a.png", first)
    store.put_file("images/a.png", second)

    assert b"first" == store.get_bytes("images/a.png")
    assert not store.put_bytes("images/a.png", b"third")
    assert b"first" == store.local("images/a.png").read_bytes()


def test_of_many_writers_at_once_exactly_one_wins(store):
    """Conditional writes decide races: two publishers never both deliver."""
    wins = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        if store.put_bytes("deliveries/x.json", str(number).encode()):
            wins.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == len(wins)
    assert str(wins[0]).encode() == store.get_bytes("deliveries/x.json")


def test_keys_are_listed_below_a_prefix_in_order(store):
    """Listing knows nothing but whole objects."""
    for key in ("takes/b.json", "takes/a.json", "takes/a.mp4", "speech/a.json"):
        store.put_bytes(key, b"{}")

    assert ["takes/a.json", "takes/a.mp4", "takes/b.json"] == list(store.keys("takes/"))
    assert ["takes/a.json", "takes/a.mp4"] == list(store.keys("takes/a"))
    assert [] == list(store.keys("nothing/"))


def test_a_store_travels_to_another_process(store):
    """Workers get the store by pickle and open their own connection."""
    store.put_bytes("x", b"1")

    assert b"1" == pickle.loads(pickle.dumps(store)).get_bytes("x")


def test_what_is_absent_is_said_with_its_address(store):
    """`local` names the object it could not find."""
    with pytest.raises(StoreError, match=r"takes/none\.mp4: there is no such object"):
        store.local("takes/none.mp4")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b"])
def test_keys_cannot_leave_a_folder(tmp_path, key):
    """A hostile product id does not become a path outside the store."""
    with pytest.raises(StoreError, match="must stay inside the store"):
        open_store(f"file://{tmp_path}").put_bytes(key, b"x")


@pytest.mark.parametrize("url", ["", "http://x/y", "s3://", "/tmp/x", "gs://bucket"])
def test_other_addresses_are_refused_with_the_cure(url):
    """Only folders and S3 are stores."""
    with pytest.raises(SettingsError, match="Use s3://bucket/prefix or file://folder"):
        open_store(url)


def test_a_large_object_is_not_read(s3_server):
    """Product pictures from S3 are bounded before they are downloaded."""
    open_store(s3_server).put_bytes("big.png", b"x" * 2000)

    assert 2000 == len(read_s3_object(f"{s3_server}/big.png", 2000))
    with pytest.raises(StoreError, match="At most 1,999 bytes fit"):
        read_s3_object(f"{s3_server}/big.png", 1999)


def test_folders_are_listed_without_what_is_in_them(store):
    """The runs of a campaign are found without looking at a thousand objects of each."""
    for key in ("runs/a/1/x", "runs/a/2/x", "runs/b/1/x", "runs/loose"):
        store.put_bytes(key, b"")

    assert ["a", "b"] == list(store.folders("runs/"))
    assert ["1", "2"] == list(store.folders("runs/a/"))
    assert [] == list(store.folders("nothing/"))


def test_a_signed_address_can_be_read_by_anybody_for_a_while(s3_server, tmp_path):
    """Reviewers may fetch videos from the bucket itself; a folder has no such address."""
    bucket = open_store(f"{s3_server}/{tmp_path.name}")
    bucket.put_bytes("creatives/a.mp4", b"moving")
    url = bucket.signed_url("creatives/a.mp4", 60)

    assert b"moving" == urllib.request.urlopen(url).read()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.partition("?")[0])
    assert open_store(f"file://{tmp_path}").signed_url("creatives/a.mp4", 60) is None
