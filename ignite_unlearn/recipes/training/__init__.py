"""How the GANs of recipes are trained."""

from ignite_unlearn.recipes.training.learning_steps import Hinge, LearningStep, NonSaturating, NonSaturatingR1, Players
from ignite_unlearn.recipes.training.training import Training

__all__ = ["Hinge", "LearningStep", "NonSaturating", "NonSaturatingR1", "Players", "Training"]
