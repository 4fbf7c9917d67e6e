"""What the functions and classes that a pickle names can do to whoever loads it.

The harmless are listed one by one (an allowlist), the dangerous are listed so that they can be called by their name,
and everything else is unknown: it never passes for harmless. The reader itself executes none of them.

*Harmless*: what torch's own restricted loader accepts (torch 2.13, ``torch/_weights_only_unpickler.py``); containers
and value types of the standard library, whose construction computes nothing else; NumPy's scalars, arrays and
generators; classes of ``torch.nn.modules``, ``torch.optim`` and configuration trees that only fill their attributes.
*Dangerous*: what runs commands or code, imports modules by name, reaches files, processes, the network or the
interpreter, or hands out other functions by name; and names that lead through other modules or special attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from falsifiable.artifacts.formats.pytorch.pickle_objects import COMPUTED, EXTENSION, Called, Reference

Judgement = Literal["harmless", "unknown", "dangerous"]

# Python 2 names, which unpicklers translate (Lib/_compat_pickle.py).
_RENAMED_MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "commands": "subprocess",
    "UserDict": "collections",
}

_TORCH_DTYPES = (
    "float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2 float8_e8m0fnu float8_e4m3fnuz float8_e5m2fnuz "
    "float4_e2m1fn_x2 complex32 complex64 complex128 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool "
    "qint8 quint8 qint32 quint4x2 quint2x4"
)
_TORCH_STORAGES = (
    "DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage "
    "ByteStorage BoolStorage ComplexDoubleStorage ComplexFloatStorage QInt8Storage QUInt8Storage QInt32Storage "
    "QUInt4x2Storage QUInt2x4Storage"
)
_HARMLESS: Mapping[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "torch": "Size Tensor device per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric "
        "per_channel_affine_float_qparams strided sparse_coo contiguous_format channels_last preserve_format "
        f"Generator {_TORCH_DTYPES} {_TORCH_STORAGES}",
        "torch.cuda": _TORCH_STORAGES,
        "torch.storage": "UntypedStorage TypedStorage _UntypedStorage _TypedStorage",
        "torch.serialization": "_get_layout",
        "torch._utils": "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter "
        "_rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor _rebuild_nested_tensor "
        "_rebuild_meta_tensor_no_storage _rebuild_wrapper_subclass _rebuild_device_tensor_from_numpy "
        "_rebuild_device_tensor_from_cpu_tensor _rebuild_sparse_csr_tensor _rebuild_xla_tensor",
        "torch._tensor": "_rebuild_from_type _rebuild_from_type_v2 Tensor",
        "torch.nn.parameter": "Parameter Buffer UninitializedParameter UninitializedBuffer",
        "torch.random": "Generator",
        # activations, which modules that were saved whole name
        "torch.nn.functional": "relu gelu silu mish elu leaky_relu softmax log_softmax softplus tanh sigmoid relu6",
        "torch._C._nn": "gelu silu mish elu softplus leaky_relu",
        "collections": "OrderedDict defaultdict Counter deque ChainMap UserDict",
        "_codecs": "encode",  # how protocol 2 writes bytes; the encodings accepted are checked in judge_call
        "copyreg": "_reconstructor __newobj__ __newobj_ex__",
        "builtins": "set frozenset list dict tuple int float bool str bytes bytearray complex object slice range "
        "unicode long xrange NoneType Ellipsis NotImplemented",
        "datetime": "datetime date time timedelta timezone",
        "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
        "argparse": "Namespace",
        "types": "SimpleNamespace NoneType",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "typing": "Any Union Optional List Dict Tuple",
        "random": "Random",
        **{f"numpy{core}.multiarray": "_reconstruct scalar" for core in (".core", "._core")},
        **{f"numpy{core}.numeric": "_frombuffer" for core in (".core", "._core")},
        "numpy": "ndarray dtype float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool_ "
        "complex64 complex128 bool str_ bytes_ longlong ulonglong intc uintc longdouble datetime64 timedelta64",
        "numpy.dtypes": "Float64DType Float32DType Float16DType Int64DType Int32DType Int16DType Int8DType "
        "UInt64DType UInt32DType UInt16DType UInt8DType BoolDType StrDType",
        "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._sfc64": "SFC64",
        "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
        "omegaconf.dictconfig": "DictConfig",
        "omegaconf.listconfig": "ListConfig",
        "omegaconf.base": "Metadata ContainerMetadata",
        "omegaconf.nodes": "AnyNode StringNode IntegerNode FloatNode BooleanNode PathNode BytesNode",
        "pytorch_lightning.utilities.parsing": "AttributeDict",
        "lightning.pytorch.utilities.parsing": "AttributeDict",
        "lightning_fabric.utilities.data": "AttributeDict",
        "lightning.fabric.utilities.data": "AttributeDict",
        "transformers.trainer_utils": "HubStrategy IntervalStrategy SchedulerType SaveStrategy",
        "transformers.training_args": "TrainingArguments OptimizerNames",
        "accelerate.state": "PartialState",
        "accelerate.utils.dataclasses": "DistributedType",
    }.items()
}  # fmt: skip
# A class (CamelCase) of these packages; its functions are not meant.
_HARMLESS_CLASSES = re.compile(
    r"torch\.nn\.modules\.\w+\.[A-Z]\w*|torch\.optim\.(?!lr_scheduler)\w+\.[A-Z]\w*|"
    r"transformers\.models\.\w+\.configuration_\w+\.[A-Z]\w*Config"
)

_RUNS_COMMANDS = "runs commands or reaches the operating system"
_RUNS_CODE = "runs Python code"
_REACHES_FILES = "reads, writes or deletes files"
_REACHES_NETWORK = "reaches the network"
_REACHES_INTERPRETER = "reaches into the interpreter"
_HANDS_OUT = "hands out or calls other functions by name"
_LOADS = "loads another pickle or library, with whatever that holds"

# Top-level modules none of whose functions belongs in a checkpoint.
_DANGEROUS_MODULES: Mapping[str, str] = {
    name: why
    for why, names in {
        _RUNS_COMMANDS: "os posix nt posixpath ntpath subprocess _posixsubprocess pty popen2 pexpect sh "
        "webbrowser antigravity multiprocessing signal _winapi winreg msvcrt fcntl _aix_support _osx_support "
        "readline termios",
        _RUNS_CODE: "code codeop runpy bdb pdb cProfile profile _lsprof timeit trace doctest unittest test idlelib "
        "lib2to3 distutils setuptools pip ensurepip venv zipapp pydoc py_compile compileall cmd asyncio sched "
        "_pyrepl dill cloudpickle execnet IPython pytest nose pkg_resources rlcompleter tkinter _tkinter turtle cgitb "
        "numexpr jinja2 mako",
        _REACHES_INTERPRETER: "sys importlib _frozen_importlib _frozen_importlib_external imp pkgutil zipimport site "
        "gc ctypes _ctypes cffi marshal _thread atexit faulthandler symtable modulefinder _testcapi "
        "_xxsubinterpreters _interpreters linecache",
        _REACHES_FILES: "_io _pyio shutil tempfile fileinput glob zipfile tarfile gzip bz2 lzma mmap sqlite3 dbm "
        "shelve",
        _REACHES_NETWORK: "socket _socket ssl http urllib urllib2 httplib ftplib smtplib smtpd poplib imaplib nntplib "
        "telnetlib xmlrpc socketserver requests aiohttp httpx wsgiref huggingface_hub",
        _HANDS_OUT: "operator _operator concurrent",
        _LOADS: "pickle _pickle joblib jsonpickle yaml",
    }.items()
    for name in names.split()
}  # fmt: skip
_DANGEROUS_NAMES: Mapping[str, str] = {
    **{f"builtins.{name}": _RUNS_CODE for name in ("eval", "exec", "execfile", "compile", "__import__", "breakpoint")},
    **{f"builtins.{name}": _REACHES_FILES for name in ("open", "file", "input", "raw_input")},
    **{f"builtins.{name}": _HANDS_OUT for name in (
        "setattr", "delattr", "globals", "locals", "vars", "map", "filter", "apply", "reduce", "getattr", "type")},
    **{f"types.{name}": _RUNS_CODE for name in ("FunctionType", "CodeType", "LambdaType", "MethodType", "new_class")},
    "functools.reduce": _HANDS_OUT,
    "itertools.starmap": _HANDS_OUT,
    "copyreg.add_extension": _REACHES_INTERPRETER,
    "codecs.open": _REACHES_FILES, "io.open": _REACHES_FILES, "io.open_code": _REACHES_FILES,
    "io.FileIO": _REACHES_FILES, "logging.FileHandler": _REACHES_FILES, "threading.Thread": _HANDS_OUT,
    "threading.Timer": _HANDS_OUT,
    "random._os": _RUNS_COMMANDS,
    "uuid._get_command_stdout": _RUNS_COMMANDS,
    "platform._syscmd_ver": _RUNS_COMMANDS, "platform._syscmd_file": _RUNS_COMMANDS,
    "contextlib.ExitStack.callback": _HANDS_OUT, "weakref.finalize": _HANDS_OUT,
    "logging.basicConfig": _REACHES_FILES,
    "pandas.read_pickle": _LOADS, "pandas.io.pickle.read_pickle": _LOADS,
    "pandas.to_pickle": _REACHES_FILES, "pandas.io.pickle.to_pickle": _REACHES_FILES,
    **{f"{module}.eval": _RUNS_CODE for module in ("pandas", "pandas.core.computation.eval")},
    "sympy.sympify": _RUNS_CODE, "sympy.core.sympify.sympify": _RUNS_CODE, "sympy.parsing.sympy_parser": _RUNS_CODE,
    "transformers.pipeline": _LOADS, "datasets.load_dataset": _LOADS,
    **{f"torch.{name}": _LOADS for name in ("load", "serialization.load", "jit.load", "package.PackageImporter",
                                            "_utils._import_dotted_name")},
    **{f"{module}.load": _LOADS for module in ("numpy", "numpy.lib.npyio", "numpy.lib._npyio_impl")},
    **{f"numpy.{name}": _REACHES_FILES for name in (
        "loadtxt", "fromfile", "memmap", "save", "savez", "savez_compressed", "savetxt", "genfromtxt", "DataSource",
        "core.records.fromfile", "rec.fromfile", "lib._datasource.open")},
    **{f"torch.{name}": _REACHES_FILES for name in ("save", "serialization.save", "from_file", "jit.save")},
}  # fmt: skip
_DANGEROUS_PARTS: Mapping[str, str] = {
    "torch.hub": _REACHES_NETWORK,
    "torch.utils.cpp_extension": _RUNS_CODE,
    "torch.utils.bottleneck": _RUNS_CODE,
    "torch.utils.data.datapipes": _RUNS_CODE,
    "torch.utils.model_zoo": _REACHES_NETWORK,
    "torch.jit.unsupported_tensor_ops": _RUNS_CODE,
    "torch.multiprocessing": _RUNS_COMMANDS,
    "torch._ops": _LOADS,
    "torch.utils.collect_env": _RUNS_COMMANDS,
    "torch.utils._config_module": _LOADS,
    "torch.ops": _LOADS,
    "torch.classes": _LOADS,
    "torch.distributed.rpc": _REACHES_NETWORK,
    "logging.config": _HANDS_OUT,
    "logging.handlers": _REACHES_NETWORK,
    "torch._inductor": _RUNS_CODE,
    "torch._dynamo": _RUNS_CODE,
    "torch.fx": _RUNS_CODE,
    "numpy.testing": _RUNS_CODE,
    "numpy.f2py": _RUNS_CODE,
    "numpy.distutils": _RUNS_CODE,
}
# Attributes that run commands or reach files, of whatever module or object they are taken.
_DANGEROUS_ATTRIBUTES: Mapping[str, str] = {
    **dict.fromkeys(("eval", "exec", "system", "popen", "check_output", "Popen", "import_module"), _RUNS_CODE),
    **dict.fromkeys(("from_pretrained", "load_library", "import_ir_module"), _LOADS),
    **dict.fromkeys(
        ("from_file", "tofile", "write_text", "write_bytes", "touch", "unlink", "rmdir", "symlink_to", "hardlink_to"),
        _REACHES_FILES,
    ),
}
_SPECIAL = re.compile(r"__\w+__")
_SINGLE_BYTE_ENCODINGS = {"latin1", "latin-1", "utf-8", "utf8", "ascii"}
_MOST_CALLS_FOLLOWED = 32


def judge(reference: Reference) -> tuple[Judgement, str]:
    """What a name can do when it is called, and why that is thought so.

    Harmless only if the allowlist holds module and name exactly; the reason says what the name does, otherwise.
    """
    if reference.module == COMPUTED:
        return "dangerous", "the name is computed while loading, to hide it"
    if reference.module == EXTENSION:
        return "unknown", "the copyreg extension registry of whoever loads it decides what it is"
    module, name = _modern(reference.module), reference.name
    if name in _HARMLESS.get(module, ()):
        return "harmless", "builds a value"
    full = f"{module}.{name}"
    why = _danger(full, module)
    if why is not None:
        return "dangerous", why
    if _HARMLESS_CLASSES.fullmatch(full):
        return "harmless", "a class that fills its attributes"
    return "unknown", "not on the list of names known to be harmless"


def judge_call(called: Called) -> tuple[Reference | None, Judgement, str]:
    """What a call does: the name called (None where something else is called), a judgement, and why."""
    target = resolved(called.target)
    if not isinstance(target, Reference):
        return None, "unknown", "calls what another call returned"
    if called.opcode == "BUILD":
        return target, "unknown", "changes the attributes of a class or function for the whole process"
    judgement, why = judge(target)
    arguments = called.arguments
    if target.name == "encode" and judgement == "harmless":
        encoding = arguments[1] if len(arguments) > 1 else "utf-8"
        if not isinstance(encoding, str) or encoding not in _SINGLE_BYTE_ENCODINGS:
            return target, "unknown", "encodes as other than Latin-1 or UTF-8"
    if is_attribute_access(called):
        return judge_attribute(called)
    return target, judgement, why


def is_getattr(reference: Reference) -> bool:
    """Whether the name is that of the builtin getattr."""
    return (_modern(reference.module), reference.name) == ("builtins", "getattr")


def is_attribute_access(called: Called) -> bool:
    """Whether the call is ``getattr(something, "name")``: how protocol 2 writes a nested class or a bound method."""
    target = called.target
    return (
        isinstance(target, Reference)
        and is_getattr(target)
        and len(called.arguments) == 2
        and isinstance(called.arguments[1], str)
    )


def judge_attribute(called: Called) -> tuple[Reference | None, Judgement, str]:
    """The judgement on ``getattr(something, "name")``, which is one on the dotted name."""
    made = resolved(called)
    if isinstance(made, Reference):
        return made, *judge(made)
    name = str(called.arguments[1])
    if _SPECIAL.fullmatch(name):
        return None, "dangerous", f"reaches the special attribute {name[:40]!r}"
    if name in _DANGEROUS_ATTRIBUTES:
        return None, "dangerous", f"takes the attribute {name!r} of an object: {_DANGEROUS_ATTRIBUTES[name]}"
    return None, "unknown", f"takes the attribute {name[:40]!r} of an object"


def resolved(target: object) -> object:
    """``target``, with attribute access to names followed: ``getattr(torch.serialization, "os")`` is a name too."""
    names: list[str] = []
    for _ in range(_MOST_CALLS_FOLLOWED):
        if not isinstance(target, Called) or not is_attribute_access(target):
            break
        names.append(str(target.arguments[1]))
        target = target.arguments[0]
    if not names or not isinstance(target, Reference):
        return target
    return Reference(target.module, ".".join([target.name, *reversed(names)]), target.offset)


def _modern(module: str) -> str:
    first, dot, rest = module.partition(".")
    return _RENAMED_MODULES.get(first, first) + dot + rest


def _danger(full: str, module: str) -> str | None:
    parts = full.split(".")
    if parts[0] in _DANGEROUS_MODULES:
        return _DANGEROUS_MODULES[parts[0]]
    if full in _DANGEROUS_NAMES:
        return _DANGEROUS_NAMES[full]
    for length in (2, 3, 4):
        within = ".".join(parts[:length])
        if within in _DANGEROUS_PARTS:
            return _DANGEROUS_PARTS[within]
    return _danger_of_way(parts, len(module.split(".")))


def _danger_of_way(parts: list[str], module_parts: int) -> str | None:
    """A dotted name may lead out of its module: ``torch`` has ``serialization.os.system``."""
    for part in parts[1:]:
        if _SPECIAL.fullmatch(part) and part not in ("__newobj__", "__newobj_ex__"):
            return f"reaches the special attribute {part!r}"
    way = parts[module_parts:]
    for part in way[:-1]:
        if part in _DANGEROUS_MODULES or part == "builtins":
            return f"reaches the module {part!r} through another"
    return _DANGEROUS_ATTRIBUTES.get(way[-1]) if way else None
