"""What is drawn for a window depends on the seed, the name and the window alone."""

import torch

from training.draws import Draws


def test_a_window_gets_the_same_numbers_in_any_batch() -> None:
    together = Draws(7, torch.arange(6)).normal("noise", (3, 4))
    apart = torch.cat([Draws(7, torch.tensor([position])).normal("noise", (3, 4)) for position in range(6)])
    assert torch.equal(together, apart)
    assert torch.equal(together.flip(0), Draws(7, torch.arange(6).flip(0)).normal("noise", (3, 4)))


def test_seed_name_and_window_all_matter() -> None:
    draws = Draws(7, torch.arange(2))
    noise = draws.normal("noise", (100,))
    others = (draws.normal("time", (100,)), Draws(8, torch.arange(2)).normal("noise", (100,)), noise.flip(0))
    assert all(not torch.equal(noise, other) for other in others)


def test_the_distributions_are_what_they_say() -> None:
    draws = Draws(0, torch.arange(2000))
    normal, uniform = draws.normal("a", (5,)), draws.uniform("a", (5,))
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01
    assert draws.uniform("scalar").shape == (2000,)
