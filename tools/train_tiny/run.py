import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import shards
if __name__ == "__main__":
    cache = Path.home() / ".cache/fgbg-tiny"
    shards.render(cache / "pathtraced", cache / "assets", int(sys.argv[1]))
