"""The peer of bench_train in JAX: a step is one jitted call with donated state. Prints one line of JSON.

lenet5, resnet20 and the layers are those of gpu/peer_jax.py. Each step is waited for. Threads: JAX has no switch for them; XLA sizes its pools
by the processors that the process may use, and by NPROC, both of which are set before it is loaded.
"""
import os

from cpu_step import LEARNING_RATE, MODELS, memory_mb, parse, report, stop

MODES = ["jit"]


def library():
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        import jax
    except ImportError as error:
        stop("peer_train_jax", f"JAX is not installed ({error})")
    return jax


def deep_mnist(layers, x, key):
    jax = layers.jax
    h = layers.max_pool(jax.nn.relu(layers.conv(x, 32, 5)))
    h = layers.max_pool(jax.nn.relu(layers.conv(h, 64, 5)))
    h = jax.nn.relu(layers.dense(h.reshape(h.shape[0], -1), 1024))
    if layers.training:
        h = jax.numpy.where(jax.random.bernoulli(key, 0.5, h.shape), 2 * h, 0)
    return layers.dense(h, 10)


def main():
    args = parse("peer_train_jax", "JAX", MODES)
    jax = library()
    if args.probe:
        return print(jax.__version__)
    from peer_jax import Layers, lenet5, resnet20

    np = jax.numpy
    images = jax.random.uniform(jax.random.PRNGKey(1), (args.batch, *MODELS[args.model]))
    labels = np.arange(args.batch) * 7 % 10
    loaded = memory_mb("VmRSS")

    def model(layers, x, key):
        if args.model == "deep_mnist":
            return deep_mnist(layers, x, key)
        return {"lenet5": lenet5, "resnet20": resnet20}[args.model](layers, x)

    first = Layers(jax, np.float32, True)
    model(first, images, jax.random.PRNGKey(2))  # draws the parameters

    def loss_of(values, averages, key, x, y):
        layers = Layers(jax, np.float32, True, values, averages)
        logits = jax.nn.log_softmax(model(layers, x, key))
        return -np.take_along_axis(logits, y[:, None], 1).mean(), layers.new_averages

    def step(state, x, y):
        values, slots, averages, key = state
        key, use = jax.random.split(key)
        (loss, averages), gradients = jax.value_and_grad(loss_of, has_aux=True)(values, averages, use, x, y)
        slots = [0.9 * s + g for s, g in zip(slots, gradients)]
        return ([v - LEARNING_RATE * s for v, s in zip(values, slots)], slots, averages, key), loss

    call = jax.jit(step, donate_argnums=0)
    state = [(first.values, [np.zeros_like(v) for v in first.values], first.averages, jax.random.PRNGKey(3))]

    def train():
        state[0], loss = call(state[0], images, labels)
        jax.block_until_ready(state[0])
        return float(loss)

    logits_of = jax.jit(lambda values, averages, x: model(Layers(jax, np.float32, False, values, averages), x, None))
    report("jax jit", jax.__version__, args, train,
           lambda: jax.block_until_ready(logits_of(state[0][0], state[0][2], images)), loaded)


if __name__ == "__main__":
    main()
