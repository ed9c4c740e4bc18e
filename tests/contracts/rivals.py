"""Ways to unlearn that know nothing of the cascade: they show that the seam carries others."""

import torch
from torch.nn.functional import softplus

from ignite_unlearn import UnlearningPhase


class FineTuning(UnlearningPhase):
    """Retained rows stand in for forgotten ones, and the loop's own step does the rest."""

    name = "fine-tuning"

    def unlearn(self, original, rows):
        return {}

    def learn_from(self, original, batch, forgotten, counter):
        kept = (~forgotten).nonzero().flatten()
        if len(kept) == 0:
            return super().learn_from(original, batch, forgotten, counter)
        rows, form = torch.arange(len(forgotten)), self.gan.batch
        rows[forgotten] = kept[torch.arange(int(forgotten.sum())) % len(kept)]
        images, labels = form.images(batch), form.labels(batch)
        return form.replace(batch, images[rows].clone(), None if labels is None else labels[rows], rows=forgotten)


class GradientAscent(UnlearningPhase):
    """The discriminator climbs the loss of forgotten rows, the generator runs away from its own images."""

    name = "gradient-ascent"

    def __init__(self, gan, *, forget, optimizer=torch.optim.SGD, **options):
        super().__init__(gan, forget=forget, **options)
        self.optimizers = {net: optimizer(getattr(gan, net).parameters()) for net in ("generator", "discriminator")}

    def unlearn(self, original, rows):
        latents, labels = original.regions.forgotten(self.batch_size)
        numbers = {}
        if len(latents):
            away = self.gan.generate(latents, labels) - original.teacher.sample(len(latents), labels, latents=latents)
            numbers["distance"] = self._climb("generator", away.square().mean())
        images, given, forgotten = rows.on(self.gan.device)
        if forgotten.any():
            loss = softplus(-self.gan.score(images, given)[forgotten]).mean()
            numbers["real_loss"] = self._climb("discriminator", loss)
        return numbers

    def _climb(self, net, loss):
        optimizer = self.optimizers[net]
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        for p, gradient in zip(parameters, torch.autograd.grad(-loss, parameters, allow_unused=True), strict=True):
            p.grad = gradient
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def settings(self):
        return {**super().settings(), "loss": "softplus"}

    def method_state(self):
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    def load_method_state(self, state):
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state[name])
