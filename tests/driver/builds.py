"""Tests of the build itself: a project outside this tree, what is built again after which change, and bad input."""

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from .core import MUSLC_PREFIX, SEL4_PREFIX, TOP, VARIANTS, Failure, Skip, Test, ending
from . import trees

SECONDS = 1200
OUTSIDE = TOP / "tests" / "outside-project"
COMPONENT = "greeting/src/lib.rs"


def tests():
    yield Test("build: nothing to do is nothing done", nothing_to_do)
    yield Test("build: a project outside this tree", outside)
    yield Test("build: files of a folder in an image", rom)
    yield Test("build: ten lines of CMake are enough", ten_lines)
    yield Test("build: a project with seL4's classic targets", classic)
    yield Test("build: two Rust libraries in one program", two_libraries)
    yield Test("build: interrupted", interrupted)
    yield Test("build: no space left", no_space)
    for setting, value, message in WRONG_SETTINGS:
        name = f"settings: {setting}={value or 'empty'}"
        yield Test(name, lambda place, setting=setting, value=value, message=message: wrong_setting(place, setting, value, message))
    yield Test("settings: SEL4_PREFIX is an empty folder", lambda place: empty_prefix(place, "SEL4_PREFIX"))
    yield Test("settings: MUSLC_PREFIX is an empty folder", lambda place: empty_prefix(place, "MUSLC_PREFIX"))
    yield Test("settings: a folder that is not built yet", not_built)
    yield Test("image: a root task that is no program", no_program)


class Project:
    """A copy of the outside project in a folder of its own, built against the main tree."""

    def __init__(self, place, name):
        self.place, self.base = place, trees.main(place)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place.work))
        self.source, self.build = self.folder / "source", self.folder / "build"
        shutil.copytree(OUTSIDE, self.source)
        # A copy of cargo's folder, so that std is not compiled again. Not the folder itself: cargo takes crates of one name
        # for one crate, wherever they are.
        self.cargo = self.folder / "cargo"
        for part in self.place.build.glob("cargo/aarch64-sel4-musl*/release"):
            shutil.copytree(part, self.cargo / part.parent.name / part.name)
        shutil.copytree(self.place.build / "cargo" / "release", self.cargo / "release", dirs_exist_ok=True)
        self.image = self.build / "outside.boot.elf"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, *settings):
        own = f"-DCARGO_TARGET_FOLDER={self.cargo}"
        trees.cmake(self.place, self.source, self.build, f"-DSel4Std_DIR={self.base}", own, *settings)

    def ninja(self):
        return self.place.run(["ninja", "-C", self.build], SECONDS)

    def must_build(self):
        ran = self.ninja()
        if ran.code != 0:
            raise Failure(f"the build {ending(ran, SECONDS)}{ran.tail()}")
        return ran.output

    def edit(self, file, old, new):
        path = self.source / file
        text = path.read_text()
        if old not in text:
            raise Failure(f"{file} has no {old!r}")
        path.write_text(text.replace(old, new))

    def boots_with(self, line):
        ran = self.place.run([TOP / "tools" / "qemu", "--prefix", trees.prefix(self.place, VARIANTS[0]), self.image], 60)
        if ran.code != 42 or line not in ran.output.splitlines():
            raise Failure(f"QEMU {ending(ran, 60)}, not with 42, or without {line!r}{ran.tail()}")


def nothing_to_do(place):
    """ninja, and ./simulate: its second run gets to the kernel's first line without building anything, in short time."""
    folder = trees.main(place)
    trees.ninja(place, folder)
    if "no work to do" not in (output := trees.ninja(place, folder)):
        raise Failure(f"a second ninja worked:\n{output}")
    command, line = [TOP / "simulate", "--build", folder], "Booting all finished"
    env = {"SEL4_PREFIX": SEL4_PREFIX, "MUSLC_PREFIX": MUSLC_PREFIX}
    place.run(command, SECONDS, until=line, env=env)
    started = time.monotonic()
    ran = place.run(command, 60, until=line, env=env)
    seconds = time.monotonic() - started
    if line not in ran.output or "no work to do" not in ran.output:
        raise Failure(f"a second ./simulate built something or did not boot{ran.tail()}")
    if seconds > 10:  # 1 s on an idle machine of two cores
        raise Failure(f"a second ./simulate took {seconds:.1f} s to the kernel's line")


def outside(place):
    """Built, booted, not built again without a change, and built again after each kind of change; a component that does
    not compile is cargo's to explain, and leaves no image."""
    with Project(place, "outside") as project:
        project.configure()
        project.must_build()
        project.boots_with("Hello, world, from Rust on seL4")
        if "no work to do" not in project.must_build():
            raise Failure("a second ninja worked")

        project.edit(COMPONENT, "Hello, ", "Welcome, ")
        project.must_build()
        project.boots_with("Welcome, world, from Rust on seL4")
        if "no work to do" not in project.must_build():
            raise Failure("a second ninja worked after a change")

        # A header that changes has C compiled again; one that does not, has not.
        if "main.c" in touched(project, COMPONENT):
            raise Failure("C was compiled again though the header is the same")
        project.edit(COMPONENT, "pub unsafe extern \"C\" fn greeting_free", "pub unsafe extern \"C\" fn greeting_drop")
        ran = project.ninja()
        if ran.code == 0 or "greeting_free" not in ran.output or project.image.exists() and newer(project.image, project.source / COMPONENT):
            raise Failure(f"a function that the header no longer has was not missed{ran.tail()}")
        project.edit("main.c", "greeting_free", "greeting_drop")
        project.must_build()

        project.edit(COMPONENT, "CString::into_raw", "CString::into_rwa")
        ran = project.ninja()
        if ran.code == 0 or "named `into_rwa`" not in ran.output:
            raise Failure(f"rustc's message is not seen{ran.tail()}")
        if project.image.exists():
            raise Failure("an image stands there after the failure")
        project.edit(COMPONENT, "CString::into_rwa", "CString::into_raw")
        project.must_build()
        project.boots_with("Welcome, world, from Rust on seL4")

        project.configure("-DPANIC=abort", "-DRUST_PROFILE=dev")
        project.must_build()
        project.boots_with("Welcome, world, from Rust on seL4")


def rom(place):
    """A folder's files are in the image; a changed, an added, a removed file and a changed link have it packed again, and
    nothing else is done then; a folder that is not there is one line."""
    with Project(place, "rom") as project:
        project.edit("CMakeLists.txt", "ARGS world", "ARGS world ROM assets MOUNT /assets")
        project.configure()
        ran = project.ninja()
        if ran.code == 0 or "assets: cannot be read: No such file or directory" not in ran.output or project.image.exists():
            raise Failure(f"a folder that is not there was not refused{ran.tail()}")
        assets = project.source / "assets"
        (assets / "deep down").mkdir(parents=True)
        (assets / "deep down" / "first file").write_text("the first text\n")

        def packed_with(wanted, unwanted=b"never written"):
            output = project.must_build()
            if output.count("Packing") != 1 or "Compiling" in output or "Building C" in output and wanted != b"the first text":
                raise Failure(f"not exactly the image was packed again:\n{output}")
            image = project.image.read_bytes()
            if wanted not in image or unwanted in image:
                raise Failure(f"the image has no {wanted!r}, or still has {unwanted!r}")
            if "no work to do" not in project.must_build():
                raise Failure("a second ninja worked")

        packed_with(b"the first text")
        if b"/assets\0" not in project.image.read_bytes():
            raise Failure("the mount place is not in the image")
        (assets / "deep down" / "first file").write_text("another text\n")
        packed_with(b"another text", b"the first text")
        (assets / "deep down" / "added").write_text("text of an added file")
        packed_with(b"text of an added file")
        (assets / "deep down" / "added").unlink()
        packed_with(b"another text", b"text of an added file")
        (assets / "link").symlink_to("leads nowhere")
        packed_with(b"leads nowhere")
        project.boots_with("Hello, world, from Rust on seL4")


def touched(project, file):
    os.utime(project.source / file)
    return project.must_build()


def newer(file, than):
    return file.stat().st_mtime > than.stat().st_mtime


def classic(place):
    """Targets sel4, muslc and sel4runtime are used instead of prefixes, linked as this tree does and as seL4's own functions do."""
    if not (runtime := os.environ.get("SEL4RUNTIME_PREFIX")):
        raise Skip("no sel4runtime is given (SEL4RUNTIME_PREFIX)")
    base = trees.main(place)
    muslc = MUSLC_PREFIX or base / "musl-target" / "muslc-prefix"
    for link in ("NO", "YES"):
        folder = place.work / f"classic-{link}"
        given = {"KERNEL": trees.prefix(place, "debug"), "MUSLLIBC": muslc, "RUNTIME": runtime, "CLASSIC_LINK": link,
                 "CARGO_TARGET_FOLDER": base / "cargo", "SEL4_PREFIX": "", "MUSLC_PREFIX": ""}
        trees.cmake(place, TOP / "tests" / "classic-project", folder, *(f"-D{name}={value}" for name, value in given.items()))
        trees.ninja(place, folder)
        for image, code, line in CLASSIC_IMAGES:
            ran = place.run([TOP / "tools" / "qemu", folder / image], 60)
            if ran.code != code or line not in ran.output.splitlines():
                raise Failure(f"{image}, CLASSIC_LINK={link}: QEMU {ending(ran, 60)}, not with {code}, or without {line!r}{ran.tail()}")


CLASSIC_IMAGES = [
    ("hosted.boot.elf", 42, "Hello, sel4runtime, from Rust on seL4"),
    ("sel4-std/rootserver/rootserver.boot.elf", 0, "Rust Routine: 10 + 20 = 30"),
]


def ten_lines(_):
    text = (OUTSIDE / "CMakeLists.txt").read_text()
    count = len([line for line in text.splitlines() if line.strip() and not line.startswith("#")])
    if count > 10:
        raise Failure(f"{count} lines")


def two_libraries(place):
    with Project(place, "two") as project:
        project.edit("CMakeLists.txt", "cargo_build(NAME greeting)", "cargo_build(NAME greeting)\ncargo_build(NAME other MANIFEST greeting)")
        project.edit("CMakeLists.txt", "greeting sel4std", "greeting other sel4std")
        refused_by_cmake(place, project.source, project.build, [f"-DSel4Std_DIR={project.base}"], "links 2 Rust libraries (greeting, other)")


def interrupted(place):
    """Stopped without warning while cargo works: the next build is whole."""
    with Project(place, "interrupted") as project:
        project.configure()
        project.must_build()
        project.edit(COMPONENT, "Hello, ", "Hi, ")
        ran = place.run(["ninja", "-C", project.build], SECONDS, until="Compiling greeting")
        if ran.code is not None:
            raise Failure(f"the build was not interrupted{ran.tail()}")
        project.must_build()
        project.boots_with("Hi, world, from Rust on seL4")
        if "no work to do" not in project.must_build():
            raise Failure("a second ninja worked")


def no_space(place):
    """cargo's folder on a small file system of its own: the build stops, says why, and leaves no image."""
    trees.main(place)
    with Project(place, "space") as project:
        small = project.folder / "small"
        small.mkdir()
        mount = f'mount -t tmpfs -o size=24m tmpfs "{small}"'
        if place.run(["unshare", "-m", "sh", "-c", mount], 60).code != 0:
            raise Skip("this machine does not let a test mount a file system")
        settings = f'-DSel4Std_DIR="{project.base}" -DCARGO_TARGET_FOLDER="{small}"'
        script = f'{mount} && cmake -G Ninja -S "{project.source}" -B "{project.build}" {settings} && ninja -C "{project.build}"'
        ran = place.run(["unshare", "-m", "sh", "-c", script], SECONDS)
        if ran.code == 0 or "No space left on device" not in ran.output:
            raise Failure(f"the build {ending(ran, SECONDS)}{ran.tail()}")
        if project.image.exists():
            raise Failure("an image stands there after the failure")
        project.configure()
        project.must_build()
        project.boots_with("Hello, world, from Rust on seL4")


# Settings that are refused before anything is built: name, value, what the message names.
WRONG_SETTINGS = [
    ("PANIC", "sometimes", "PANIC is \"sometimes\", it must be one of: unwind, abort"),
    ("KERNEL_VARIANT", "fast", "KERNEL_VARIANT is \"fast\", it must be one of: debug, release"),
    ("ENTRY_LEVEL", "4", "ENTRY_LEVEL is \"4\", it must be one of: 1, 2, 3"),
    ("PLATFORM", "hikey", "PLATFORM is \"hikey\", it must be one of: zynqmp"),
    ("QEMU_MEMORY", "4G", "QEMU_MEMORY is \"4G\", it must be a whole number"),
    ("ROOT_STACK", "16", "ROOT_STACK is \"16\", it must be a whole number of at least 64"),
    ("ROOT_FILES", "no/such/folder", "ROOT_FILES is \"no/such/folder\", there is no such folder"),
    ("ROM_MOUNT", "rom", "ROM_MOUNT is \"rom\", it must be an absolute path and not /"),
    ("JOBS", "0", "JOBS is \"0\", it must be a whole number of at least 1"),
    ("SEL4_PREFIX", "/nonexistent", "SEL4_PREFIX=/nonexistent: there is no such folder"),
    ("MUSLC_PREFIX", "/nonexistent", "MUSLC_PREFIX: /nonexistent is not a folder"),
    ("CROSS_COMPILE", "no-such-", "no-such-gcc"),
]


def refused_by_cmake(place, source, build, settings, message):
    ran = place.run(["cmake", "-G", "Ninja", "-S", source, "-B", build, *settings], 300)
    said = re.sub(r"\s+", " ", ran.output)  # cmake breaks long lines
    if ran.code in (0, None) or message not in said:
        raise Failure(f"cmake {ending(ran, 300)}, without saying {message!r}{ran.tail()}")


def wrong_setting(place, setting, value, message):
    with tempfile.TemporaryDirectory(dir=place.work) as folder:
        shutil.copy2(place.build / "rust-env", folder)
        refused_by_cmake(place, TOP, folder, [f"-D{setting}={value}"], message)


def empty_prefix(place, setting):
    with tempfile.TemporaryDirectory(dir=place.work) as folder:
        shutil.copy2(place.build / "rust-env", folder)
        empty = Path(folder) / "empty"
        empty.mkdir()
        refused_by_cmake(place, TOP, folder, [f"-D{setting}={empty}"], "is empty")


def not_built(place):
    """find_package() of a build folder in which nothing was built yet."""
    with tempfile.TemporaryDirectory(dir=place.work) as folder:
        shutil.copy2(place.build / "rust-env", folder)
        trees.cmake(place, TOP, folder)
        refused_by_cmake(place, OUTSIDE, Path(folder) / "outside", [f"-DSel4Std_DIR={folder}"], "is not built yet")


def no_program(place):
    """mkimage is asked to pack a file that is no program; it names what is wrong in one line and writes nothing."""
    base = trees.main(place)
    with tempfile.TemporaryDirectory(dir=place.work) as folder:
        task, image = Path(folder) / "task.elf", Path(folder) / "boot.elf"
        task.write_text("not a program")
        command = [base / "bin" / "mkimage", "--loader", base / "below-libc" / "loader"]
        kernel = trees.prefix(place, VARIANTS[0]) / "bin" / "kernel.elf"
        ran = place.run([*command, "--kernel", kernel, "--root-task", task, "--output", image], 60)
        if ran.code in (0, None) or len(ran.output.strip().splitlines()) != 1 or "not an ELF file" not in ran.output:
            raise Failure(f"mkimage {ending(ran, 60)}{ran.tail()}")
        if image.exists():
            raise Failure("an image was written")
