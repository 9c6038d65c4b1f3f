"""How right the labels are, on annotated audio and on rendered songs, muze beside the libraries called directly.

``python benchmarks/accuracy.py --data FOLDER [--songs N] [--out docs/accuracy.md]``. The folder has a ``manifest.csv``
and ``annotations/`` (see ``scoring/annotations.py``). muze's rows come from ``muze build``, or from ``--dataset``.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    args = arguments()
    sys.path.insert(0, str(ROOT))  # a program that is started as a file finds only what lies beside it
    from benchmarks.scoring.report import report

    with tempfile.TemporaryDirectory(prefix="muze-accuracy-") as folder:
        document = report(args, args.work or Path(folder)).markdown()
    args.out.write_text(document, encoding="utf-8")
    return 0


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="folder with manifest.csv and annotations/; none: rendered songs only"
    )
    parser.add_argument("--songs", type=int, default=4, metavar="N", help="short songs beside the demo's; 0: no songs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accuracy.md", help="the document")
    parser.add_argument("--only", default="", metavar="TITLE,TITLE", help="measure these features, e.g. Key,Chords")
    parser.add_argument("--recipe", default="bundled", help="what muze builds (default: bundled)")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep songs and datasets here, and use them again")
    parser.add_argument("--dataset", type=Path, help="read muze's rows here; tracks that it lacks are left out")
    parser.add_argument("--clean-dataset", type=Path, help="the same for the licence-clean estimators")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
