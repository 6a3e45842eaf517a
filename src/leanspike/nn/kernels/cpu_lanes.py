"""Sixteen numbers at a time: a vector type for compiled kernels.

numba leaves vectorizing to LLVM, which must first prove that the arrays of a loop do not overlap,
and keeps no array in registers. Kernels that need either take numbers from memory sixteen at a
time with `load`, compute with ``+ - * /``, `at_least`, `below`, `choose`, `exponential` and
`magnitude`, and put them back with `store`. LLVM maps this to whatever the processor has: one
AVX-512 register, two of AVX, four of SSE or NEON, for float32.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 16


class Lanes(types.Type):
    """Sixteen values of one floating-point type."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


class Flags(types.Type):
    """Sixteen truth values."""

    def __init__(self) -> None:
        super().__init__(name="Flags")


FLAGS = Flags()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        element = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, WIDTH))


@register_model(Flags)
class _FlagsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Flags) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), WIDTH))


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [index])
    vector = ir.VectorType(context.get_value_type(array_type.dtype), WIDTH)
    return builder.bitcast(first, vector.as_pointer()), vector


def _alignment(vector: Any) -> int:
    return 4 if isinstance(vector.element, ir.FloatType) else 8


def _first(builder: Any, count: Any) -> Any:
    """Return flags that are set in the first ``count`` lanes."""
    word = count.type
    numbers = ir.Constant(ir.VectorType(word, WIDTH), [word(i) for i in range(WIDTH)])
    return builder.icmp_signed("<", numbers, _spread(builder, count))


def _spread(builder: Any, value: Any) -> Any:
    vector = ir.VectorType(value.type, WIDTH)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), nowhere)


def _external(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, kind, name)


def _suffix(vector: Any) -> str:
    return f"v{WIDTH}f{32 if isinstance(vector.element, ir.FloatType) else 64}"


def _load(typingctx: Any, array: Any, index: Any, count: Any) -> Any:
    """``load(array, index, count)``: the values of a C-contiguous array from a flat index on.

    Where count < 16 only so many are read, and the other lanes are 0.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, vector = _pointer(context, builder, array, values[0], values[1])
        align = _alignment(vector)
        result = cgutils.alloca_once(builder, vector)
        whole = builder.icmp_signed(">=", values[2], values[2].type(WIDTH))
        with builder.if_else(whole, likely=True) as (then, otherwise):
            with then:
                builder.store(builder.load(pointer, align=align), result)
            with otherwise:
                flags = _first(builder, values[2])
                function = _external(
                    builder,
                    f"llvm.masked.load.{_suffix(vector)}.p0",
                    vector,
                    [pointer.type, ir.IntType(32), flags.type, vector],
                )
                zero = ir.Constant(vector, None)
                arguments = [pointer, ir.IntType(32)(align), flags, zero]
                builder.store(builder.call(function, arguments), result)
        return builder.load(result)

    return Lanes(array.dtype)(array, types.intp, types.intp), codegen


def _store(typingctx: Any, array: Any, index: Any, count: Any, value: Any) -> Any:
    """``store(array, index, count, value)``: write the first ``count`` lanes, at most 16."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, vector = _pointer(context, builder, array, values[0], values[1])
        align = _alignment(vector)
        whole = builder.icmp_signed(">=", values[2], values[2].type(WIDTH))
        with builder.if_else(whole, likely=True) as (then, otherwise):
            with then:
                builder.store(values[3], pointer, align=align)
            with otherwise:
                flags = _first(builder, values[2])
                function = _external(
                    builder,
                    f"llvm.masked.store.{_suffix(vector)}.p0",
                    ir.VoidType(),
                    [vector, pointer.type, ir.IntType(32), flags.type],
                )
                builder.call(function, [values[3], pointer, ir.IntType(32)(align), flags])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), codegen


def _splat(typingctx: Any, value: Any) -> Any:
    """``splat(value)``: one number in all lanes."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _spread(builder, values[0])

    return Lanes(value)(value), codegen


def _choose(typingctx: Any, flags: Any, a: Any, b: Any) -> Any:
    """``choose(flags, a, b)``: a where the flag is set, else b."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(*values)

    return a(flags, a, b), codegen


def _multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``multiply_add(a, b, c)``: a * b + c, rounded once where the processor can."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = values[0].type
        function = _external(builder, f"llvm.fmuladd.{_suffix(vector)}", vector, [vector] * 3)
        return builder.call(function, values)

    return a(a, b, c), codegen


def _non_zeros(typingctx: Any, a: Any) -> Any:
    """``non_zeros(a)``: an integer, bit i set where lane i is not zero (NaN is not)."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        flags = builder.fcmp_unordered("!=", values[0], ir.Constant(values[0].type, None))
        bits = builder.bitcast(flags, ir.IntType(WIDTH))
        return builder.zext(bits, context.get_value_type(types.intp))

    return types.intp(a), codegen


def _lowest(typingctx: Any, bits: Any) -> Any:
    """``lowest(bits)``: the place of the lowest bit that is set; there must be one."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.IntType(1)(1))

    return types.intp(types.intp), codegen


def _bits_set(typingctx: Any, bits: Any) -> Any:
    """``bits_set(bits)``: how many bits are set."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return types.intp(types.intp), codegen


def _binary(emit: Callable[[Any, Any, Any], Any], result: types.Type | None = None) -> Any:
    def typed(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return emit(builder, *values)

        return (result or a)(a, b), codegen

    return intrinsic(typed)


def _unary(name: str) -> Any:
    def typed(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            vector = values[0].type
            function = _external(builder, f"llvm.{name}.{_suffix(vector)}", vector, [vector])
            return builder.call(function, values)

        return a(a), codegen

    return intrinsic(typed)


load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
splat: Any = intrinsic(_splat)
choose: Any = intrinsic(_choose)
multiply_add: Any = intrinsic(_multiply_add)
non_zeros: Any = intrinsic(_non_zeros)
lowest: Any = intrinsic(_lowest)
bits_set: Any = intrinsic(_bits_set)
exponential = _unary("exp")
magnitude = _unary("fabs")
at_least = _binary(lambda b, x, y: b.fcmp_ordered(">=", x, y), FLAGS)
below = _binary(lambda b, x, y: b.fcmp_ordered("<", x, y), FLAGS)
either = _binary(lambda b, x, y: b.or_(x, y))
but_not = _binary(lambda b, x, y: b.and_(x, b.not_(y)))


class _Arithmetic(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        """Lanes with lanes of the same type give such lanes."""
        if len(args) == 2 and args[0] == args[1] and isinstance(args[0], Lanes):
            return signature(args[0], *args)
        return None


def _give_operator(operation: Any, instruction: str) -> None:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return getattr(builder, instruction)(*values)

    infer_global(operation)(_Arithmetic)
    lower_builtin(operation, Lanes, Lanes)(lower)


_give_operator(operator.add, "fadd")
_give_operator(operator.sub, "fsub")
_give_operator(operator.mul, "fmul")
_give_operator(operator.truediv, "fdiv")
