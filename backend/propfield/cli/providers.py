"""propfield providers"""

from propfield.cli.output import Json, print_json, print_table


def providers(as_json: Json = False) -> None:
    """List what can see and draw for propfield: what it is for, whether it can run here, and why not.

    Names are what `--detector`, `--segmenter`, `--keypoints` and `--body` take, alone or as NAME:WEIGHTS (a
    file, a folder, or a name of `propfield weights list`). Of those that can run here the first of a job is
    taken when none is named.

    **Examples**

    - `propfield providers`

    - `propfield reconstruct ride.jpg --segmenter sam2 --detector grounding-dino --out ride/`

    With `--json`: {"providers": [{"job", "name", "what", "available", "reason", "licence", "weights_licence",
    "commercial"}]}; "reason" says what one that cannot run here needs, "weights_licence" is null where there
    are no weights, "commercial" is null where nobody can say ahead.
    """
    from propfield.service.providers import providers as all_providers

    parts = all_providers()
    if as_json:
        print_json({"providers": parts})
        return
    print_table(
        ["for", "name", "here", "licence of the code", "of the weights"],
        [
            [
                part["job"],
                part["name"],
                "yes" if part["available"] else "no",
                part["licence"],
                part["weights_licence"] or "–",
            ]
            for part in parts
        ],
    )
    missing = [part for part in parts if not part["available"]]
    if missing:
        print("What the others are and need:")
        for part in missing:
            print(f"- {part['name']}, {part['what']}: {part['reason']}.")
