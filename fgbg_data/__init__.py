"""Composite foregrounds on backgrounds into sharded datasets of image, mask and depth.

    from fgbg_data import BuildConfig, build
    manifest = build(BuildConfig(bg="bg/", fg="fg/", out="shards/"))

The public names are listed once, in `__init__.pyi`. Each is loaded when it is first used, so that
`import fgbg_data` costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
