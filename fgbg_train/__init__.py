"""Train a mask network and a depth network on the datasets that `fgbg_data` builds.

    from fgbg_train import FitConfig, fit, load_model
    run = fit("shards/", FitConfig.preset("small", epochs=5))
    model = load_model(run / "best.ckpt")

The public names are listed once, in `__init__.pyi`. Each is loaded when it is first used, so that `import fgbg_train`
is fast.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
