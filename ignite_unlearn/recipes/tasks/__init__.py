"""What recipes forget: classes, classes that a classifier finds, single images; each with its numbers."""

from ignite_unlearn.recipes.tasks.classes import Classes, NamedClasses
from ignite_unlearn.recipes.tasks.found_classes import FoundClasses
from ignite_unlearn.recipes.tasks.items import Items, NamedItems
from ignite_unlearn.recipes.tasks.task import Evaluation, Task

__all__ = ["Classes", "Evaluation", "FoundClasses", "Items", "NamedClasses", "NamedItems", "Task"]
