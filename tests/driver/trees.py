"""Build trees of this project: the one of ./test, and those that differ in a setting. Each is built when first asked for."""

import shutil
from pathlib import Path

from .core import MUSLC_PREFIX, SEL4_PREFIX, TOP, VARIANTS

SECONDS = 3600  # a first build on a slow machine


def cmake(place, source, folder, *settings, seconds=600):
    """Configures and says what cmake said."""
    return place.expect_success(["cmake", "-G", "Ninja", "-S", source, "-B", folder, *settings], seconds)


def ninja(place, folder, *targets, seconds=SECONDS):
    return place.expect_success(["ninja", "-C", folder, *targets], seconds)


def main(place):
    """The tree in the build folder: debug kernel or the one that is named, unwinding."""

    def make():
        settings = ["-DKERNEL_VARIANT=debug", "-DPANIC=unwind", "-DENTRY_LEVEL=1", "-DROOT_ARGS=", "-DROOT_ENV="]
        # What ./simulate or a user set here is not what is tested.
        settings += ["-DROOT_FILES=", "-DROM_MOUNT=/rom", f"-DSEL4_PREFIX={SEL4_PREFIX}", f"-DMUSLC_PREFIX={MUSLC_PREFIX}"]
        cmake(place, TOP, place.build, *settings)
        (place.build / "simulate-settings").unlink(missing_ok=True)
        ninja(place, place.build)
        return place.build

    return place.once("given kernel" if SEL4_PREFIX else "debug kernel", make)


def tree(place, variant):
    """The tree of a kernel variant."""
    if variant in ("debug", "given"):
        return main(place)

    def make():
        base, folder = main(place), place.work / variant
        # The same C library and the same std: only what depends on the kernel is built again.
        folder.mkdir(exist_ok=True)
        shutil.copy2(place.build / "rust-env", folder / "rust-env")
        muslc = MUSLC_PREFIX or base / "musl-target" / "muslc-prefix"
        cmake(place, TOP, folder, f"-DKERNEL_VARIANT={variant}", f"-DMUSLC_PREFIX={muslc}", "-DSEL4_PREFIX=", f"-DCARGO_TARGET_FOLDER={base}/cargo")
        ninja(place, folder)
        return folder

    return place.once(f"{variant} kernel", make)


def images(place, variant, panic):
    """The programs of tests/images for a kernel variant and a panic strategy."""

    def make():
        base, folder = tree(place, variant), place.work / f"images-{variant}-{panic}"
        settings = [f"-DSel4Std_DIR={base}", f"-DPANIC={panic}", f"-DCARGO_TARGET_FOLDER={place.build}/cargo"]
        cmake(place, TOP / "tests" / "images", folder, *settings)
        ninja(place, folder)
        return folder

    return place.once(f"images, {variant} kernel, {panic}", make)


def cargo_sel4(place):
    """The program cargo-sel4, made where `cargo test` makes what it needs."""

    def make():
        command = ["cargo", "build", "--package", "cargo-sel4", "--target-dir", place.work / "cargo"]
        place.expect_success(command, SECONDS, env={"SEL4_PREFIX": prefix(place, VARIANTS[0])})
        return place.work / "cargo" / "debug" / "cargo-sel4"

    return place.once("cargo sel4", make)


def prefix(place, variant):
    """The installed kernel of a variant."""
    if SEL4_PREFIX:
        main(place)
        return Path(SEL4_PREFIX)
    return tree(place, variant) / f"kernel-{variant}" / "prefix"
