"""Write docs/comparison.md and docs/images/learning_curves.png from results/*.json."""

from pathlib import Path

from mmghost.analysis.comparison import CURVES, comparison_page, read_comparison
from mmghost.analysis.learning_curves import draw_learning_curves
from mmghost.engine import write_atomically
from mmghost.utils.argument_parser import ArgumentParser
from mmghost.utils.mistakes import mistakes_named

ROOT = Path(__file__).resolve().parent.parent.parent


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('--results', default=ROOT / 'results', help="default: mmghost's results/")
    parser.add_argument('--out-dir', default=ROOT / 'docs', help="default: mmghost's docs/")
    return parser.parse_args()


def main():
    args = parse_args()
    with mistakes_named():
        page = comparison_page(args.results, ROOT / 'configs')
        tables = read_comparison(args.results)
        out_dir = Path(args.out_dir)
        if any(row['runs'] for table in tables for row in table['rows']):
            write_atomically(draw_learning_curves(tables), out_dir / CURVES)
        write_atomically(page.encode(), out_dir / 'comparison.md')


if __name__ == '__main__':
    main()
