"""A network of the user's own: found by the name that was given, or handed over in Python.

Its code runs only here, and only because it is named on the command line or handed over. A study
keeps the name and a hash of the source; whoever works on the study must name the same code.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from leanspike.compress import load_state, weight_layers
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.nn import Convention, ForeignNetwork, adapt
from leanspike.study.file.study_file import CallSection, OwnNetwork, StudyFile
from leanspike.training import weights_digest


@dataclass(frozen=True, eq=False)
class OwnCode:
    """What builds the user's network.

    Attributes
    ----------
    name
        As it is named on a command line (``nets.py:make_net``), or what it is.
    sha256
        Of the source, with the files beside it that it imports; of the weights where a ready
        module was handed over.
    make
        Builds the network anew.
    importable
        Whether another process finds it by its name.
    trained
        Whether what it builds has its weights already.
    """

    name: str
    sha256: str
    make: Callable[[], nn.Module]
    importable: bool = True
    trained: bool = False

    def build(self, seed: int) -> nn.Module:
        """Build the network, its weights drawn from a seed.

        Raises
        ------
        InputError
            When the factory raises, gives no module, or one without weight layers.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                net = self.make()
            except InputError:
                raise
            except Exception as error:
                raise InputError(
                    f"raised {type(error).__name__}: {error}{_line_of(error)}", where=self.name
                ) from error
        if not isinstance(net, nn.Module):
            raise InputError(
                f"returned a {type(net).__name__}, expected a torch module", where=self.name
            )
        weight_layers(net)
        return net


def own_code(given: Any) -> OwnCode:
    """Find a network by its name, or take one that is handed over.

    Parameters
    ----------
    given
        ``"nets.py:make_net"``, ``"package.module:make_net"``, the path of a ``.nir`` file, a
        function without arguments (or a class) that returns a torch module, or a ready module.

    Raises
    ------
    InputError
        When it is none of these, cannot be imported, or needs arguments.
    """
    if isinstance(given, OwnCode):
        return given
    if isinstance(given, nn.Module):
        kept = copy.deepcopy(given)
        name = f"{type(given).__name__} (handed over)"
        return OwnCode(name, weights_digest(given), lambda: copy.deepcopy(kept), importable=False)
    if isinstance(given, str | Path):
        text = str(given)
        return _from_nir(Path(text)) if text.endswith(".nir") else _from_name(text)
    if callable(given):
        return _from_function(given)
    raise InputError(
        f"found a {type(given).__name__}, expected a function that returns a torch module, a "
        "module, or its name",
        where="network",
        remedy="Such as nets.py:make_net",
    )


@dataclass(frozen=True, eq=False)
class OwnFunction:
    """A function of the user's own: a loss, an optimizer, an augmentation.

    Attributes
    ----------
    name, sha256, importable
        As those of :class:`OwnCode`.
    """

    name: str
    sha256: str
    function: Callable[..., Any]
    importable: bool = True


def own_function(given: str | Callable[..., Any]) -> OwnFunction:
    """Find a function by its name (``losses.py:my_loss``), or take one that is handed over.

    Raises
    ------
    InputError
        When it cannot be imported or is none.
    """
    if isinstance(given, str):
        found, sha = _named_thing(given)
        if not callable(found):
            raise InputError(f"is a {type(found).__name__}, expected a function", where=given)
        return OwnFunction(given, sha, found)
    name, sha, importable = _source_of(given)
    return OwnFunction(name if ":" in name else f"here:{name}", sha, given, importable)


def check_functions(study: StudyFile, functions: Mapping[str, OwnFunction]) -> None:
    """Refuse other functions than those a study began with.

    Raises
    ------
    InputError
        Naming the first that is missing or has changed.
    """
    for key, name in study.training.functions.items():
        if name not in functions:
            raise InputError(
                f"it names {name}, and code runs only where it is named",
                where=f"training.{key}",
                remedy=f"Add --code {name}, or hand the function over in Python",
            )
        kept, found = study.training.code.get(name), functions[name].sha256
        if kept is not None and kept != found:
            raise InputError(
                f"the code of {name} is not what the study began with",
                where=f"training.{key}",
                remedy="Choose another --out, or bring the code back",
            )


def _from_name(text: str) -> OwnCode:
    found, sha = _named_thing(text)
    if isinstance(found, nn.Module):
        return OwnCode(text, sha, lambda: copy.deepcopy(found))
    _check_factory(found, text)
    return OwnCode(text, sha, found)


def _named_thing(text: str) -> tuple[Any, str]:
    """Import what a name stands for; return it and its source's hash."""
    place, _, attribute = text.rpartition(":")
    if not place or not attribute.isidentifier():
        raise InputError(
            f"found {text!r}, expected a file or module, a colon and a function",
            where="network",
            remedy="Such as nets.py:make_net, package.module:make_net or net.nir",
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _imported(place)
    if not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        near = get_close_matches(attribute, public, n=1)
        raise InputError(
            f"has no {attribute!r}" + (f" (did you mean {near[0]!r}?)" if near else ""), where=place
        )
    return getattr(module, attribute), _sha_of(module, place)


def _from_function(function: Callable[[], Any]) -> OwnCode:
    _check_factory(function, getattr(function, "__qualname__", type(function).__name__))
    name, sha, importable = _source_of(function)
    return OwnCode(name if ":" in name else f"{name} (handed over)", sha, function, importable)


def _source_of(function: Callable[..., Any]) -> tuple[str, str, bool]:
    """Return a function's name, its source's hash, and whether other processes can import it."""
    name = getattr(function, "__qualname__", type(function).__name__)
    module = sys.modules.get(getattr(function, "__module__", "") or "")
    try:
        source = inspect.getsourcefile(function)
    except TypeError:
        source = None
    again = getattr(module, name, None) if name.isidentifier() else None
    importable = again is function and module is not None and module.__name__ != "__main__"
    path = Path(source) if source else None
    if path is not None and path.is_file():
        sha = _sha_of_file(path)
    else:
        code = getattr(function, "__code__", None)
        sha = hashlib.sha256(code.co_code if code else name.encode()).hexdigest()
    if not importable or module is None:
        return name, sha, False
    if _findable(module):
        return f"{module.__name__}:{name}", sha, True
    # A file beside the program, which other processes find by its path.
    return (f"{_relative(path)}:{name}", sha, True) if path is not None else (name, sha, False)


def _findable(module: ModuleType | None) -> bool:
    try:
        return module is not None and importlib.util.find_spec(module.__name__) is not None
    except (ImportError, ValueError):
        return False


def _relative(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _from_nir(path: Path) -> OwnCode:
    from leanspike.export import from_nir

    try:
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return OwnCode(str(path), sha, lambda: from_nir(path), trained=True)


def _check_factory(found: Any, name: str) -> None:
    if not callable(found):
        raise InputError(
            f"is a {type(found).__name__}, expected a function that returns a torch module",
            where=name,
        )
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]
    if needed:
        raise InputError(
            f"needs the arguments {', '.join(needed)}, expected none",
            where=name,
            remedy="Write a function without arguments that calls it, or give them defaults",
        )


def _from_file(path: Path) -> ModuleType:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    name = f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    known = sys.modules.get(name)
    if known is not None and known.__dict__.get("__source__") == source:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__source__"] = source
    sys.modules[name] = module
    with _beside(path.resolve().parent), _import_errors(str(path)):
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def _imported(name: str) -> ModuleType:
    with _beside(Path.cwd()), _import_errors(name):
        return importlib.import_module(name)


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let imports find what lies in a folder."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _import_errors(where: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(
            f"needs the package {error.name}, which is not installed{_line_of(error)}",
            where=where,
            remedy=f"pip install {(error.name or '').split('.')[0]}",
        ) from error
    except Exception as error:
        raise InputError(
            f"raised {type(error).__name__}: {error}{_line_of(error)}", where=where
        ) from error


def _line_of(error: BaseException) -> str:
    """Say where in the user's file an error came from."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        inside = "site-packages" in file or "importlib" in file or file == __file__
        if not inside and Path(file).is_file():
            found = f" ({Path(file).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _sha_of(module: ModuleType, place: str) -> str:
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        return hashlib.sha256(place.encode()).hexdigest()
    return _sha_of_file(Path(file))


def _sha_of_file(path: Path) -> str:
    """Hash a source file and those beside it that it imports, directly or not."""
    digest = hashlib.sha256()
    for each in sorted(_sources(path.resolve(), set())):
        digest.update(each.name.encode() + each.read_bytes())
    return digest.hexdigest()


def _sources(path: Path, known: set[Path]) -> set[Path]:
    known.add(path)
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return known
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{a.name}".strip(".") for a in node.names)]
        for name in names:
            beside = path.parent / (name.replace(".", "/") + ".py")
            if name and beside.is_file() and beside.resolve() not in known:
                _sources(beside.resolve(), known)
    return known


def check_code(section: OwnNetwork, code: OwnCode | None) -> OwnCode:
    """Refuse to go on without a network's code, or with other code than a study began with.

    Raises
    ------
    InputError
        Naming the option that names the code.
    """
    if code is None:
        raise InputError(
            f"the network is {section.source}, and code runs only where it is named",
            where="network.source",
            remedy=f"Add --network {section.source}, or hand the network over in Python",
        )
    if section.sha256 is not None and section.sha256 != code.sha256:
        raise InputError(
            f"the code of {code.name} is not what the study began with "
            f"(hash {code.sha256[:12]}, the study has {section.sha256[:12]})",
            where="network",
            remedy="Choose another --out, or bring the code back",
        )
    return code


def settled(section: OwnNetwork, code: OwnCode, data: FrameData) -> OwnNetwork:
    """Find out how the network runs, and fill in what the study keeps of it.

    Raises
    ------
    InputError
        When it cannot be built or called, or its weights do not fit.
    """
    code = check_code(section, code)
    net = code.build(0)
    where = section.source
    if section.weights is not None:
        load_state(net, section.weights)
    known = section.call.known if section.call is not None else {}
    with _named(where):
        foreign = adapt(net, _example(data), classes=data.classes, **known)
    sha = None
    if section.weights is not None:
        sha = hashlib.sha256(section.weights.read_bytes()).hexdigest()
    return section.model_copy(
        update={
            "source": code.name,
            "sha256": code.sha256,
            "weights_sha256": sha,
            "trained": section.trained or code.trained or sha is not None,
            "call": CallSection(**asdict(foreign.convention)),
            "runs": str(foreign.convention),
            "transient": foreign.transient,
        }
    )


def adapted(section: OwnNetwork, code: OwnCode, seed: int) -> ForeignNetwork:
    """Build the network of a settled section, as the study found it to run.

    Raises
    ------
    InputError
        When it cannot be built, or its weights are gone or changed.
    """
    net = code.build(seed)
    if section.weights is not None:
        load_state(net, section.weights)
        found = hashlib.sha256(section.weights.read_bytes()).hexdigest()
        if found != section.weights_sha256:
            raise InputError(
                "the weights are not those that the study began with", where=str(section.weights)
            )
    assert section.call is not None
    foreign = ForeignNetwork(net, Convention(**section.call.known))
    foreign.transient = section.transient
    return foreign


def _example(data: FrameData) -> torch.Tensor:
    few = torch.from_numpy(data.train.frames[:3].astype("float32"))
    return few.transpose(0, 1).contiguous()


@contextmanager
def _named(where: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        place = f"{where}, {error.where}" if error.where else where
        raise InputError(error.what, where=place, remedy=error.remedy) from None
