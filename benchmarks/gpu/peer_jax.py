"""The peer of bench_gpu in JAX: the same models (nn/models.h; initial values differ), data and optimiser. Prints lines of JSON.

Modes: jit (one call per step, arguments donated) and loop (all steps of a block in one call, by lax.fori_loop). Timed by the wall clock around
a block that is waited for once, as bench_gpu does: JAX has no events.
"""
import os
import sys
import time

from peer_common import MODELS, parse, report, stop

MODES = ("jit", "loop")


def library():
    """JAX with a GPU, or the end."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        import jax
    except ImportError as error:
        stop("peer_jax", f"JAX is not installed ({error})")
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        stop("peer_jax", f"JAX {jax.__version__} finds no GPU ({str(error).splitlines()[0]})")
    return jax


class Layers:
    """Builds parameters when it is first called, and computes with them afterwards. `values` are what training changes by gradients,
    `averages` batch norm's moving ones."""

    def __init__(self, jax, dtype, training, values=None, averages=None):
        self.jax, self.np, self.dtype, self.training = jax, jax.numpy, dtype, training
        self.draw = values is None
        self.values = [] if values is None else list(values)
        self.averages = [] if averages is None else list(averages)
        self.new_averages = []
        self.next_value = self.next_average = 0

    def value(self, shape, dtype, fan_in=None):
        if self.draw:
            if fan_in is None:
                drawn = self.np.zeros(shape, dtype)
            else:
                key = self.jax.random.PRNGKey(len(self.values))
                drawn = (self.jax.random.normal(key, shape) * (2 / fan_in) ** 0.5).astype(dtype)
            self.values.append(drawn)
        self.next_value += 1
        return self.values[self.next_value - 1]

    def conv(self, x, filters, kernel, stride=1, padding="SAME", bias=True):
        channels = x.shape[3]
        w = self.value((kernel, kernel, channels, filters), self.dtype, kernel * kernel * channels)
        y = self.jax.lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return y + self.value((filters,), self.dtype) if bias else y

    def dense(self, x, units):
        return x @ self.value((x.shape[1], units), self.dtype, x.shape[1]) + self.value((units,), self.dtype)

    def batch_norm(self, x):
        np, f32 = self.np, self.np.float32
        scale, shift = self.value((x.shape[3],), f32) + 1, self.value((x.shape[3],), f32)
        if self.draw:
            self.averages += [np.zeros(x.shape[3], f32), np.ones(x.shape[3], f32)]
        moving = self.averages[self.next_average : self.next_average + 2]
        self.next_average += 2
        wide = x.astype(f32)
        if self.training:
            mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
            self.new_averages += [0.9 * moving[0] + 0.1 * mean, 0.9 * moving[1] + 0.1 * variance]
        else:
            mean, variance = moving
        return ((wide - mean) * (scale / np.sqrt(variance + 1e-5)) + shift).astype(x.dtype)

    def max_pool(self, x):
        # A number of Python's: only then does JAX see that it is the maximum, which has a gradient.
        return self.jax.lax.reduce_window(x, -float("inf"), self.jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lenet5(layers, x):
    relu = layers.jax.nn.relu
    h = layers.max_pool(relu(layers.conv(x, 6, 5)))
    h = layers.max_pool(relu(layers.conv(h, 16, 5, padding="VALID")))
    h = relu(layers.dense(h.reshape(h.shape[0], -1), 120))
    return layers.dense(relu(layers.dense(h, 84)), 10)


def resnet20(layers, x):
    relu = layers.jax.nn.relu

    def conv_bn(h, filters, kernel, stride):
        return layers.batch_norm(layers.conv(h, filters, kernel, stride, bias=False))

    h = relu(conv_bn(x, 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            y = conv_bn(relu(conv_bn(h, filters, 3, stride)), filters, 3, 1)
            shortcut = h if h.shape[3] == filters and stride == 1 else conv_bn(h, filters, 1, stride)
            h = relu(shortcut + y)
    return layers.dense(h.mean((1, 2)), 10)


def make_block(jax, mode, name, batch, precision, what, steps):
    """A function of nothing that submits `steps` steps, and returns something to wait for."""
    np = jax.numpy
    dtype = np.bfloat16 if precision == "bfloat16" else np.float32
    model = {"lenet5": lenet5, "resnet20": resnet20}[name]
    images = jax.random.uniform(jax.random.PRNGKey(1), (batch, *MODELS[name]["image"])).astype(dtype)
    labels = np.arange(batch) * 7 % 10
    first = Layers(jax, dtype, True)
    model(first, images)  # draws the parameters

    if what == "infer":

        def infer(values, averages, x):
            return model(Layers(jax, dtype, False, values, averages), x)

        if mode == "jit":
            call = jax.jit(infer)

            def infer_block():
                for _ in range(steps):
                    logits = call(first.values, first.averages, images)
                return logits

            return infer_block

        def many(values, averages, x):
            # Each step's input depends on the step before by a number that is 0, or the compiler would compute one step alone.
            def body(_, logits):
                return infer(values, averages, x + 0 * logits[0, 0])

            return jax.lax.fori_loop(0, steps, body, np.zeros((batch, 10), dtype))

        call = jax.jit(many)
        return lambda: call(first.values, first.averages, images)

    def loss_of(values, averages, x, y):
        layers = Layers(jax, dtype, True, values, averages)
        logits = jax.nn.log_softmax(model(layers, x))
        return -np.take_along_axis(logits, y[:, None], 1).mean(), layers.new_averages

    def train(state, x, y):
        values, slots, averages = state
        gradients, averages = jax.grad(loss_of, has_aux=True)(values, averages, x, y)
        slots = [0.9 * s + g.astype(np.float32) for s, g in zip(slots, gradients)]
        values = [(v - 0.01 * s).astype(v.dtype) for v, s in zip(values, slots)]
        return values, slots, averages

    if mode == "jit":
        call = jax.jit(train, donate_argnums=0)
    else:
        call = jax.jit(lambda state, x, y: jax.lax.fori_loop(0, steps, lambda _, s: train(s, x, y), state), donate_argnums=0)
    state = [(first.values, [np.zeros(v.shape, np.float32) for v in first.values], first.averages)]

    def train_block():
        for _ in range(steps if mode == "jit" else 1):
            state[0] = call(state[0], images, labels)
        return state[0]

    return train_block


def main():
    args = parse("peer_jax", MODES)
    jax = library()
    if args.probe:
        return 0

    def measure(mode, model, batch, precision, what):
        with jax.default_matmul_precision({"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}[precision]):
            block = make_block(jax, mode, model, batch, precision, what, args.steps)
            jax.block_until_ready(block())  # compiles, and warms up
            times = []
            for _ in range(args.blocks):
                begin = time.perf_counter()
                jax.block_until_ready(block())
                times.append(1e3 * (time.perf_counter() - begin) / args.steps)
        return times, None  # JAX knows the peak of the whole process alone

    return report("peer_jax", "jax", jax.__version__, args, measure)


if __name__ == "__main__":
    sys.exit(main())
