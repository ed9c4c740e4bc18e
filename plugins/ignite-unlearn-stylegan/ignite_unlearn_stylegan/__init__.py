"""StyleGAN for ignite_unlearn: an engine of the training phases, the nets as a GAN, and substitutions in W.

For the nets and losses of NVIDIA's stylegan2-ada-pytorch and stylegan3, from a checkout on the user's ``sys.path``.
Nothing of NVIDIA's is imported or contained: what is passed in is known by its attributes. Tested against a stand-in of
the same signatures, not against NVIDIA's own code.
"""

from ignite_unlearn_stylegan.learning import PhasesEngine, TrainingPhase, engine, training_phases
from ignite_unlearn_stylegan.nets import gan
from ignite_unlearn_stylegan.substitution import MeanW, TruncationW

__all__ = ["MeanW", "PhasesEngine", "TrainingPhase", "TruncationW", "engine", "gan", "training_phases"]
