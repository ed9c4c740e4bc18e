"""Make a trained GAN forget images or classes, from inside your own PyTorch-Ignite loop."""

import lazy_loader

__version__ = "0.1.0"

# The names are those of __init__.pyi. Each is loaded at its first use: the launcher's --help need not wait for torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
