"""Running the parts of a compiled kernel on torch's own team of OpenMP threads; compiled.

Threads of our own would have to fight torch's for the cores: those spin for a while after each
operation, in wait for the next. Each thread takes the next part that nobody took yet, so a thread
that other programs hold up delays one part only.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import llvmlite.binding
import torch
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

SYMBOL = "leanspike_parallel"
_BYTES = ir.IntType(8).as_pointer()
_PARALLEL = ir.FunctionType(
    ir.VoidType(),
    [ir.FunctionType(ir.VoidType(), [_BYTES]).as_pointer(), _BYTES, ir.IntType(32), ir.IntType(32)],
)
_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_TEAM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)


def _torch_team() -> int | None:
    """Return the address of GOMP_parallel in the OpenMP library torch uses, or None.

    ``GOMP_parallel(body, data, threads, flags)`` is libgomp's, and part of what LLVM's and
    Intel's OpenMP offer to code compiled by GCC.
    """
    try:
        # Looks through the libraries torch is linked to, and no others.
        function = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


def _own_team(body: int, data: int, threads: int, flags: int) -> None:
    """Do as GOMP_parallel on threads of Python: for a torch without that function."""
    function = _BODY(body)
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads - 1, thread_name_prefix="leanspike-nn")
    others = [_pools[threads].submit(function, data) for _ in range(1, threads)]
    function(data)
    for other in others:
        other.result()


_pools: dict[int, ThreadPoolExecutor] = {}
# A forked child inherits the pools but not their threads.
os.register_at_fork(after_in_child=_pools.clear)
OWN_TEAM = _TEAM(_own_team)


def use_team(address: int | None) -> None:
    """Make kernels compiled or loaded from now on run on the function at ``address``.

    None stands for threads of our own.
    """
    if address is None:
        address = ctypes.cast(OWN_TEAM, ctypes.c_void_p).value
    llvmlite.binding.add_symbol(SYMBOL, address)


use_team(_torch_team())


def _on_team(typingctx: Any, kernel: Any, arguments: Any, parts: Any, threads: Any) -> Any:
    """Write code for ``on_team(kernel, arguments, parts, threads)`` in a compiled function.

    It calls ``kernel(*arguments, parts, part)`` for each part of ``parts`` on so many threads,
    and returns how many calls failed (for want of memory: kernels raise nothing else).
    """
    parts_type = types.intp
    inner = (*arguments.types, parts_type, parts_type)
    kernel_signature = kernel.get_call_type(typingctx, inner, {})

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = context.get_value_type(types.intp)
        packed = context.get_value_type(arguments)
        # What the threads share: arguments, parts, the next part to do, failures.
        slot = ir.LiteralStructType([packed, word, word, word])
        zero = word(0)
        shared = cgutils.alloca_once(builder, slot)
        builder.store(values[1], cgutils.gep_inbounds(builder, shared, 0, 0))
        builder.store(values[2], cgutils.gep_inbounds(builder, shared, 0, 1))
        for field in (2, 3):
            builder.store(zero, cgutils.gep_inbounds(builder, shared, 0, field))
        data = builder.bitcast(shared, _BYTES)
        body = _body(context, builder, slot)
        many = builder.icmp_signed(">", values[3], word(1))
        with builder.if_else(many) as (then, otherwise):
            with then:
                team = cgutils.get_or_insert_function(builder.module, _PARALLEL, SYMBOL)
                count = builder.trunc(values[3], ir.IntType(32))
                builder.call(team, [body, data, count, ir.IntType(32)(0)])
            with otherwise:
                builder.call(body, [data])
        return builder.load(cgutils.gep_inbounds(builder, shared, 0, 3))

    def _body(context: Any, outer: Any, slot: Any) -> Any:
        """Write the function each thread runs: take a part, do it, until none is left."""
        word = context.get_value_type(types.intp)
        body = ir.Function(
            outer.module,
            ir.FunctionType(ir.VoidType(), [_BYTES]),
            outer.module.get_unique_name("leanspike_body"),
        )
        body.linkage = "internal"
        builder = ir.IRBuilder(body.append_basic_block("entry"))
        shared = builder.bitcast(body.args[0], slot.as_pointer())
        packed = builder.load(cgutils.gep_inbounds(builder, shared, 0, 0))
        parts = builder.load(cgutils.gep_inbounds(builder, shared, 0, 1))
        unpacked = cgutils.unpack_tuple(builder, packed, len(arguments.types))
        loop, work, done = (body.append_basic_block(name) for name in ("loop", "work", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        following = cgutils.gep_inbounds(builder, shared, 0, 2)
        part = builder.atomic_rmw("add", following, word(1), "monotonic")
        builder.cbranch(builder.icmp_signed("<", part, parts), work, done)
        builder.position_at_end(work)
        result = kernel.dispatcher.get_compile_result(kernel_signature)
        context.add_linking_libs([result.library])
        status, _ = context.call_internal_no_propagate(
            builder, result.fndesc, kernel_signature, [*unpacked, parts, part]
        )
        failed = builder.zext(status.is_error, word)
        builder.atomic_rmw("add", cgutils.gep_inbounds(builder, shared, 0, 3), failed, "monotonic")
        builder.branch(loop)
        builder.position_at_end(done)
        builder.ret_void()
        return body

    return types.intp(kernel, arguments, parts_type, parts_type), codegen


on_team: Any = intrinsic(_on_team)
