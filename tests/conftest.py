import logging

import pytest
import torch
from hypothesis import HealthCheck, settings

# Examples are the same in every run: a test that fails today fails tomorrow. `make fuzz` draws new ones, and many more.
_HASTY = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("quick", derandomize=True, max_examples=40, **_HASTY)
settings.register_profile("fuzz", max_examples=1000, print_blob=True, **_HASTY)
settings.load_profile("quick")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="Have benchmarks run one small round and assert no times.")


@pytest.fixture(scope="session")
def quick(request):
    """Whether a benchmark only shows that it runs: `make bench-quick`."""
    return request.config.getoption("--quick")


def pytest_collection_modifyitems(config, items):
    # Deselected, and counted as such: a machine without a GPU has nothing to say about CUDA.
    if not torch.cuda.is_available():
        without = [item for item in items if "cuda" in item.keywords]
        items[:] = [item for item in items if item not in without]
        config.hook.pytest_deselected(items=without)


@pytest.fixture
def tmp_path(tmp_path):
    """A folder with none beside it: a run uses what it finds in those, and would find what other tests made."""
    folder = tmp_path / "alone"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    logging.getLogger("ignite").setLevel(logging.CRITICAL)
