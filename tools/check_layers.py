"""Checks that folders of src/ include only what src/layers.txt lets them include."""

import re

import tree


def read_layers():
    layers, problems = {}, []
    for line in (tree.ROOT / "src/layers.txt").read_text().splitlines():
        folder, _, allowed = line.partition(":")
        allowed = allowed.split()
        for other in allowed:
            if other not in layers:
                problems.append(f"src/layers.txt: {folder} names {other}, which is not above it")
        layers[folder] = {folder, *allowed}
    return layers, problems


def check_includes(layers):
    problems = []
    for path in tree.files("src", suffixes=tree.CODE):
        folder = path.relative_to(tree.ROOT / "src").parts[0]
        if folder not in layers:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            included = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not included:
                continue
            where = f"{tree.name(path)}:{number}"
            target = included[1].split("/")[0]
            if "/" not in included[1]:
                problems.append(f'{where}: write the folder too: "{folder}/{included[1]}"')
            elif target == "trainstone":
                if not (tree.ROOT / "include" / included[1]).exists():
                    problems.append(f"{where}: there is no public header {included[1]}")
            elif target not in layers[folder]:
                problems.append(f"{where}: {folder} may not include {target}")
    return problems


def check_public():
    """Checks that the public headers include only the C library and each other."""
    problems = []
    for path in tree.files("include", suffixes=(".h",)):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            included = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if included and not included[1].startswith("trainstone/"):
                problems.append(f"{tree.name(path)}:{number}: a public header includes {included[1]}")
    return problems


def check_link(layers):
    """Checks that each folder's link line names no more than its row of layers.txt."""
    problems = []
    for path in tree.files("src", suffixes=(".txt",)):
        if path.name != "CMakeLists.txt" or path.parent.name not in layers:
            continue
        for call in re.findall(r"ts_folder\(\s*(\w+)([^)]*)\)", path.read_text()):
            linked = re.search(r"\bLAYERS\b((?:\s+\w+)*?)(?=\s+SOURCES\b|\s*$)", call[1])
            for other in (linked[1].split() if linked else []):
                if other not in layers.get(call[0], ()):
                    problems.append(f"{tree.name(path)}: {call[0]} may not link {other}")
    return problems


def main():
    layers, problems = read_layers()
    for folder in sorted(p.name for p in (tree.ROOT / "src").iterdir() if p.is_dir()):
        if folder not in layers and any((tree.ROOT / "src" / folder).iterdir()):
            problems.append(f"src/{folder}: not listed in src/layers.txt")
    problems += check_includes(layers) + check_public() + check_link(layers)
    tree.finish(problems, "layers")


if __name__ == "__main__":
    main()
