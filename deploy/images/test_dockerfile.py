"""Compares the Dockerfile with scripts/images.sh."""

import glob
import io
import json
import os
import re
import shlex
import subprocess

from dockerfile_parse import DockerfileParser
from testing import BUNDLE, IMAGES, LABEL, ROOT, InFolder, Opened, of_crates, packages, run


class Dockerfile(InFolder):
    """The Dockerfile must produce the same images of crates as scripts/images.sh. Without these tests, differences would show only at run time."""

    def setUp(self):
        super().setUp()
        self.file = os.path.join(IMAGES, "Dockerfile")
        # The parser writes the file that it parses, so it gets a copy.
        with open(self.file) as file:
            parser = DockerfileParser(fileobj=io.BytesIO(file.read().encode()))
        self.before, self.stages, stage = [], [], None
        for step in parser.structure:
            if step["instruction"] == "FROM":
                base, _, name = step["value"].partition(" AS ")
                stage = {"base": base, "name": name, "steps": []}
                self.stages.append(stage)
            elif step["instruction"] != "COMMENT":
                (stage["steps"] if stage else self.before).append((step["instruction"], step["value"]))

    def steps(self, image, kind):
        """The values of one kind of instruction in all stages of an image, in order, with $PROGRAM replaced."""
        stages = {stage["name"]: stage for stage in self.stages}
        stage, found = self.stages[-1], []
        while stage:
            found = [value for instruction, value in stage["steps"] if instruction == kind] + found
            stage = stages.get(stage["base"].replace("${PROGRAM}", image))
        return [value.replace("$PROGRAM", image) for value in found]

    def expected(self, image):
        about = packages()[image["package"]]
        options = ["--name", image["name"], "--description", about["description"], "--version", about["version"],
                   "--revision", "abc", "--source", "x", "--created", "2026-02-11T01:00:00Z"]
        if image["certificates"]:
            options += ["--ca-bundle", self.path("bundle", BUNDLE)]
        if image["writable"]:
            options += ["--directory", image["writable"]]
        if image["replaces"] == "curl":
            options += ["--link", f"usr/bin/curl=/{image['name']}", "--shared-directory", "tmp", "--env", "PATH=/usr/local/bin:/usr/bin:/bin"]
        return Opened(self.make("image.tar", *options))

    def test_the_linter_has_no_warnings(self):
        linter = subprocess.run(["hadolint", "--no-color", self.file], capture_output=True, text=True, check=False)
        self.assertEqual((linter.stdout + linter.stderr, linter.returncode), ("", 0))

    def test_every_image_has_the_files_of_the_script(self):
        for image in of_crates():
            with self.subTest(image["name"]):
                copied = {}
                for value in self.steps(image["name"], "COPY"):
                    words = shlex.split(value)
                    options, paths = [w for w in words if w.startswith("--")], [w for w in words if not w.startswith("--")]
                    owner = next((o.removeprefix("--chown=") for o in options if o.startswith("--chown=")), "0:0")
                    for source in paths[:-1]:
                        target = paths[-1] + os.path.basename(source) if paths[-1].endswith("/") else paths[-1]
                        copied[target.removeprefix("/")] = owner
                made = self.expected(image).entries
                # COPY creates parent folders.
                above = {path.rpartition("/")[0] for path in made} | {"etc/ssl"}
                # A link is copied with its folder, because COPY follows a link.
                expected = {p.split("/")[0] if e.issym() else p: f"{e.uid}:{e.gid}" for p, e in made.items() if p not in above}
                self.assertEqual(copied, expected)

    def test_every_image_has_the_user_entrypoint_and_labels_of_the_script(self):
        for image in of_crates():
            with self.subTest(image["name"]):
                config = self.expected(image).config["config"]
                self.assertEqual(self.steps(image["name"], "USER"), [config["User"]])
                self.assertEqual([json.loads(v) for v in self.steps(image["name"], "ENTRYPOINT")], [config["Entrypoint"]])
                self.assertEqual(self.steps(image["name"], "ENV"), config["Env"])
                labels = dict(word.split("=", 1) for value in self.steps(image["name"], "LABEL") for word in shlex.split(value))
                given = {LABEL + name: labels[LABEL + name] for name in ("version", "revision", "source", "created")}
                self.assertEqual(given, {label: "$" + label.removeprefix(LABEL).upper() for label in given})
                self.assertEqual({**labels, **{label: config["Labels"][label] for label in given}}, config["Labels"])
                self.assertEqual(config["Labels"][LABEL + "licenses"], packages()[image["package"]]["license"])

    def test_its_arguments_are_those_that_the_script_prints(self):
        printed = shlex.split(run(os.path.join(ROOT, "scripts/images.sh"), "--build-args", "trigger-api"))
        names = {word.partition("=")[0] for word in printed if word != "--build-arg"}
        taken = {v.partition("=")[0] for stage in self.stages for i, v in stage["steps"] if i == "ARG"}
        self.assertEqual(names, taken)

    def test_it_builds_with_the_same_script_and_a_pinned_compiler(self):
        build = self.stages[0]
        self.assertRegex(build["base"], r"^rust:\d+\.\d+\.\d+-slim-[a-z]+$")
        oldest = packages()["trigger-api"]["rust_version"]
        self.assertTrue(build["base"].startswith(f"rust:{oldest}."), f"{build['base']}, but the workspace requires {oldest}")
        commands = [value for instruction, value in build["steps"] if instruction in ("RUN", "ENV")]
        self.assertEqual(len(commands), 1)
        self.assertIn('$(scripts/build-static.sh "$PROGRAM" ', commands[0])
        self.assertNotIn("FLAGS", commands[0])

    def test_the_authorities_are_trimmed_by_the_same_script(self):
        commands = [value for stage in self.stages[1:] for instruction, value in stage["steps"] if instruction == "RUN"]
        self.assertEqual(len(commands), 1)
        self.assertEqual(json.loads(commands[0])[:2], ["python3", "/trim_certificates.py"])

    def test_the_build_context_has_the_needed_files_and_no_others(self):
        with open(self.file + ".dockerignore") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        self.assertEqual(lines[0], "*")
        seen = [line.removeprefix("!") for line in lines[1:]]
        for path in seen:
            self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)
        needed = ["Cargo.toml", "Cargo.lock", "crates/trigger-api/src/main.rs", "scripts/build-static.sh",
                  "scripts/build-curl-trigger.sh", "deploy/images/trim_certificates.py", "deploy/images/users/nonroot/passwd", "deploy/images/users/nonroot/group"]
        for path in glob.glob(os.path.join(ROOT, "crates/*/src/**/*.rs"), recursive=True):
            with open(path) as file:
                needed += ["deploy/worker/" + found for found in re.findall(r'worker_file!\("([^"]+)"\)', file.read())]
        self.assertTrue(any("worker" in path for path in needed))
        for path in needed:
            self.assertTrue(any(path == one or path.startswith(one + "/") for one in seen), f"{path} is not in the build context")
