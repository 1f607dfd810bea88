import io
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from search.datasets import availability, datasets
from search.datasets.cifar10 import TEST_FILE, TRAIN_FILES
from search.errors import DataError, NotApplicableError


def cifar_records(rng):
    records = rng.integers(256, size=(10_000, 3073), dtype=np.uint8)
    records[:, 0] %= 10
    return records.tobytes()


@pytest.fixture(scope="session")
def cifar_files():
    rng = np.random.default_rng(0)
    return {name: cifar_records(rng) for name in (*TRAIN_FILES, TEST_FILE)}


@pytest.fixture
def cifar_dir(tmp_path):
    folder = tmp_path / "datasets" / "cifar10"
    folder.mkdir(parents=True)
    return folder


def write_archive(folder, files):
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz", compresslevel=0) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_files(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


def jpeg_of(color):
    written = io.BytesIO()
    Image.new("RGB", (32, 32), color).save(written, "JPEG")
    return written.getvalue()


def write_packed(folder, *, images=None, labels=(3, 5, 7, 9)):
    images = [jpeg_of((40 * i, 0, 0)) for i in range(4)] if images is None else images
    arrays = {}
    for part in ("train", "test"):
        arrays[f"{part}_jpeg"] = np.frombuffer(b"".join(images), dtype=np.uint8)
        arrays[f"{part}_offsets"] = np.cumsum([0, *map(len, images)])
        arrays[f"{part}_labels"] = np.array(labels, dtype=np.uint8)
    np.savez(folder / "cifar10_full_jpeg.npz", **arrays)


def write_folder(root, *, name="images", num_images=20, classes=("cat", "dog")):
    for shade, label in enumerate(classes):
        folder = root / "datasets" / name / label
        folder.mkdir(parents=True)
        for i in range(num_images):
            Image.new("RGB", (12 + i, 20), (100 * shade, i, 0)).save(folder / f"{i}.png")


def reason(name, tmp_path, **params):
    with pytest.raises(DataError) as caught:
        datasets[name](tmp_path, **params)
    return str(caught.value)


class TestDigits:
    def test_images_are_normalised_and_have_the_declared_shape(self, tmp_path):
        images = datasets["digits"](tmp_path)
        x_BCHW, y_B = images.arrays()

        assert x_BCHW.shape == (1437, *images.info.shape)
        assert x_BCHW.dtype == np.float32
        assert abs(x_BCHW.mean()) < 1e-3
        assert abs(x_BCHW.std() - 1) < 1e-3
        assert set(y_B.tolist()) == set(range(10))

    def test_the_split_is_fixed(self, tmp_path):
        info = datasets["digits"](tmp_path).info

        assert (info.num_train, info.num_test) == (1437, 360)
        assert info.digest == "e3b7d91363c677f0bbb128143baffc60"

    def test_a_batch_holds_different_images_and_repeats_under_a_seed(self, tmp_path):
        images = datasets["digits"](tmp_path)

        first, labels = images.batch(64, np.random.default_rng(1))
        again, _ = images.batch(64, np.random.default_rng(1))

        np.testing.assert_array_equal(first, again)
        assert len(np.unique(first, axis=0)) == len(labels) == 64

    def test_further_batches_hold_other_images_and_repeat_under_the_seed_of_the_first(
        self, tmp_path
    ):
        images = datasets["digits"](tmp_path)

        batches = [images.batch(400, np.random.default_rng(1))[0]]
        batches += [images.further_batch(i, 400, np.random.default_rng(1))[0] for i in (1, 2)]
        again, _ = images.further_batch(2, 400, np.random.default_rng(1))

        every = np.concatenate(batches).reshape(1200, -1)
        assert len(np.unique(every, axis=0)) == 1200
        np.testing.assert_array_equal(again, batches[2])

    def test_more_batches_than_the_data_has_do_not_apply(self, tmp_path):
        with pytest.raises(NotApplicableError, match="4 batches of 400 different images"):
            datasets["digits"](tmp_path).further_batch(3, 400, np.random.default_rng(0))

    def test_a_batch_larger_than_the_data_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="only 1437 training images"):
            datasets["digits"](tmp_path).batch(2000, np.random.default_rng(0))


class TestCifar10:
    def test_the_archive_holds_what_its_files_do_and_is_not_unpacked(self, tmp_path, cifar_files):
        for form, write in (("a", write_archive), ("b", write_files)):
            folder = tmp_path / form / "datasets" / "cifar10"
            folder.mkdir(parents=True)
            write(folder, cifar_files)

        first, second = (datasets["cifar10"](tmp_path / form) for form in ("a", "b"))

        assert first.info == second.info
        left = [path.name for path in (tmp_path / "a" / "datasets" / "cifar10").iterdir()]
        assert left == ["cifar-10-binary.tar.gz"]
        assert first.info.shape == (3, 32, 32)
        assert (first.info.num_train, first.info.num_test) == (50_000, 10_000)

    def test_planes_become_channels(self, tmp_path, cifar_dir, cifar_files):
        write_files(cifar_dir, cifar_files)
        images = datasets["cifar10"](tmp_path)

        pixels = images.test.pixels(np.array([5]))[0]

        record = np.frombuffer(cifar_files[TEST_FILE], dtype=np.uint8)[5 * 3073 : 6 * 3073]
        assert images.test.labels[5] == record[0]
        assert pixels[0, 1].tolist() == [record[2], record[1026], record[2050]]

    def test_packed_jpeg_is_decoded(self, tmp_path, cifar_dir):
        write_packed(cifar_dir)
        images = datasets["cifar10"](tmp_path)

        pixels = images.train.pixels(np.array([0, 3]))

        assert images.info.num_train == 4
        np.testing.assert_allclose(pixels[1, 5, 5], [120, 0, 0], atol=3)
        assert images.train.labels.tolist() == [3, 5, 7, 9]

    def test_a_missing_data_set_says_what_to_put_where(self, tmp_path):
        why = reason("cifar10", tmp_path)

        assert "cifar-10-binary.tar.gz" in why
        assert str(tmp_path / "datasets" / "cifar10") in why

    def test_a_missing_file_is_named(self, tmp_path, cifar_dir, cifar_files):
        write_files(cifar_dir, {n: c for n, c in cifar_files.items() if n != "data_batch_3.bin"})

        assert "data_batch_3.bin is missing" in reason("cifar10", tmp_path)

    def test_a_cut_file_is_named(self, tmp_path, cifar_dir, cifar_files):
        write_files(cifar_dir, cifar_files | {TEST_FILE: cifar_files[TEST_FILE][:-5]})

        assert "test_batch.bin" in reason("cifar10", tmp_path)

    def test_a_label_that_cannot_be_is_named(self, tmp_path, cifar_dir, cifar_files):
        write_files(cifar_dir, cifar_files | {TEST_FILE: b"\x0b" + cifar_files[TEST_FILE][1:]})

        assert "image 0 has class 11" in reason("cifar10", tmp_path)

    @pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar10_full_jpeg.npz"])
    def test_a_broken_archive_says_what_to_do(self, tmp_path, cifar_dir, name):
        (cifar_dir / name).write_bytes(b"not what it says")

        assert "again" in reason("cifar10", tmp_path)

    def test_an_image_that_does_not_decode_is_named(self, tmp_path, cifar_dir):
        write_packed(cifar_dir, images=[jpeg_of((1, 2, 3))] * 3 + [b"no image"])
        images = datasets["cifar10"](tmp_path)

        with pytest.raises(DataError, match=r"image 3 in .* does not decode"):
            images.arrays()

    def test_pickled_arrays_are_refused(self, tmp_path, cifar_dir):
        np.savez(cifar_dir / "cifar10_full_jpeg.npz", train_jpeg=np.array([{}], dtype=object))

        assert "cannot be read" in reason("cifar10", tmp_path)


class TestImageFolder:
    def test_class_folders_are_classes(self, tmp_path):
        write_folder(tmp_path)
        images = datasets["image_folder"](tmp_path, size=16)
        x_BCHW, y_B = images.arrays()

        assert images.info.class_names == ("cat", "dog")
        assert x_BCHW.shape[1:] == images.info.shape == (3, 16, 16)
        assert set(y_B.tolist()) == {0, 1}
        assert images.info.num_train + images.info.num_test == 40

    def test_adding_a_file_moves_no_other_between_the_parts(self, tmp_path):
        write_folder(tmp_path)
        before = datasets["image_folder"](tmp_path).info
        Image.new("RGB", (20, 20)).save(tmp_path / "datasets/images/cat/more.png")

        after = datasets["image_folder"](tmp_path).info

        moved = (after.num_train - before.num_train, after.num_test - before.num_test)
        assert sorted(moved) == [0, 1]
        assert after.digest != before.digest

    def test_a_changed_image_changes_the_digest(self, tmp_path):
        write_folder(tmp_path)
        before = datasets["image_folder"](tmp_path).info.digest
        Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / "datasets/images/dog/0.png")

        assert datasets["image_folder"](tmp_path).info.digest != before

    def test_grey_images_have_one_channel(self, tmp_path):
        write_folder(tmp_path)
        x_BCHW, _ = datasets["image_folder"](tmp_path, channels=1).arrays(is_test=True)

        assert x_BCHW.shape[1] == 1

    def test_an_image_that_does_not_decode_is_named(self, tmp_path):
        write_folder(tmp_path)
        for path in (tmp_path / "datasets/images/cat").iterdir():
            path.write_bytes(b"no image at all")

        with pytest.raises(DataError, match=r"cat.*\.png does not decode"):
            datasets["image_folder"](tmp_path).arrays()

    def test_a_missing_folder_says_what_to_do(self, tmp_path):
        assert "make it" in reason("image_folder", tmp_path, folder="pets")

    def test_an_empty_class_is_named(self, tmp_path):
        write_folder(tmp_path)
        shutil.rmtree(tmp_path / "datasets/images/cat")
        (tmp_path / "datasets/images/cat").mkdir()

        assert "cat holds no image" in reason("image_folder", tmp_path)

    def test_one_class_is_not_enough(self, tmp_path):
        write_folder(tmp_path, classes=("cat",))

        assert "at least 2" in reason("image_folder", tmp_path)

    @pytest.mark.parametrize("folder", ["..", "../secret", "/etc"])
    def test_nothing_outside_the_data_folder_is_read(self, tmp_path, folder):
        (tmp_path / "secret").mkdir()

        assert "leads outside" in reason("image_folder", tmp_path, folder=folder)

    def test_a_link_that_leads_outside_is_refused(self, tmp_path):
        write_folder(tmp_path)
        (tmp_path / "secret.png").write_bytes(b"")
        link = tmp_path / "datasets/images/cat/link.png"
        link.symlink_to(tmp_path / "secret.png")

        assert "leads outside" in reason("image_folder", tmp_path)

    def test_folders_are_offered_as_choices(self, tmp_path):
        write_folder(tmp_path, name="birds")

        found = availability(datasets["image_folder"], tmp_path)

        assert found.choices == {"folder": ["birds"]}
        assert found.info is not None


def test_what_is_missing_is_unavailable_with_its_reason(tmp_path):
    found = availability(datasets["cifar10"], tmp_path)

    assert found.info is None
    assert "CIFAR-10 is not in" in found.reason
