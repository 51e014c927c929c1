"""The peer of bench_train in TensorFlow: a step is one tf.function. Prints one line of JSON.

Modes: function (TensorFlow's own kernels) and xla (jit_compile=True). The update is ResourceApplyMomentum, one kernel per variable. Threads: those
of both of its pools (intra-op, and inter-op for ops side by side), and the process held to as many processors.
"""
import os

from cpu_step import LEARNING_RATE, MODELS, memory_mb, parse, report, stop

MODES = ["function", "xla"]


def library():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow
    except ImportError as error:
        stop("peer_train_tensorflow", f"TensorFlow is not installed ({error})")
    return tensorflow


class Layers:
    """Makes variables when it is first called, and computes with them afterwards."""

    def __init__(self, tf):
        self.tf = tf
        self.values, self.averages = [], []  # what gradients change, and batch norm's moving averages
        self.drawn = False

    def begin(self, training):
        self.drawn = bool(self.values)
        self.training, self.next_value, self.next_average = training, 0, 0

    def value(self, shape, fan_in=None, fill=0.0):
        if not self.drawn:
            start = self.tf.fill(shape, fill) if fan_in is None else self.tf.random.normal(shape, stddev=(2 / fan_in) ** 0.5)
            self.values.append(self.tf.Variable(start))
        self.next_value += 1
        return self.values[self.next_value - 1]

    def conv(self, x, filters, kernel, stride=1, padding="SAME", bias=True):
        channels = x.shape[3]
        y = self.tf.nn.conv2d(x, self.value((kernel, kernel, channels, filters), kernel * kernel * channels), stride, padding)
        return self.tf.nn.bias_add(y, self.value((filters,))) if bias else y

    def dense(self, x, units):
        return self.tf.nn.bias_add(self.tf.matmul(x, self.value((x.shape[1], units), x.shape[1])), self.value((units,)))

    def batch_norm(self, x):
        tf, channels = self.tf, x.shape[3]
        scale, shift = self.value((channels,), fill=1.0), self.value((channels,))
        if not self.drawn:
            self.averages += [tf.Variable(tf.zeros(channels)), tf.Variable(tf.ones(channels))]
        mean, variance = self.averages[self.next_average : self.next_average + 2]
        self.next_average += 2
        if not self.training:
            return tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=shift, mean=mean, variance=variance, epsilon=1e-5, is_training=False).y
        result = tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=shift, mean=[], variance=[], epsilon=1e-5, is_training=True)
        mean.assign_sub(0.1 * (mean - result.batch_mean))
        variance.assign_sub(0.1 * (variance - result.batch_variance))
        return result.y

    def max_pool(self, x):
        return self.tf.nn.max_pool2d(x, 2, 2, "VALID")

    def flat(self, x):
        return self.tf.reshape(x, (x.shape[0], -1))


def lenet5(layers, x):
    relu = layers.tf.nn.relu
    h = layers.max_pool(relu(layers.conv(x, 6, 5)))
    h = layers.max_pool(relu(layers.conv(h, 16, 5, padding="VALID")))
    h = relu(layers.dense(layers.flat(h), 120))
    return layers.dense(relu(layers.dense(h, 84)), 10)


def deep_mnist(layers, x):
    relu = layers.tf.nn.relu
    h = layers.max_pool(relu(layers.conv(x, 32, 5)))
    h = layers.max_pool(relu(layers.conv(h, 64, 5)))
    h = relu(layers.dense(layers.flat(h), 1024))
    return layers.dense(layers.tf.nn.dropout(h, 0.5) if layers.training else h, 10)


def resnet20(layers, x):
    relu = layers.tf.nn.relu

    def conv_bn(h, filters, kernel, stride):
        return layers.batch_norm(layers.conv(h, filters, kernel, stride, bias=False))

    h = relu(conv_bn(x, 16, 3, 1))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            y = conv_bn(relu(conv_bn(h, filters, 3, stride)), filters, 3, 1)
            shortcut = h if h.shape[3] == filters and stride == 1 else conv_bn(h, filters, 1, stride)
            h = relu(shortcut + y)
    return layers.dense(layers.tf.reduce_mean(h, (1, 2)), 10)


def main():
    args = parse("peer_train_tensorflow", "TensorFlow", MODES)
    tf = library()
    if args.probe:
        return print(tf.__version__)
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    loaded = memory_mb("VmRSS")
    tf.random.set_seed(1)
    images = tf.random.uniform((args.batch, *MODELS[args.model]))
    labels = tf.range(args.batch) * 7 % 10
    layers = Layers(tf)
    model = {"lenet5": lenet5, "deep_mnist": deep_mnist, "resnet20": resnet20}[args.model]
    layers.begin(True)
    model(layers, images)
    slots = [tf.Variable(tf.zeros_like(value)) for value in layers.values]
    xla = args.mode == "xla"

    @tf.function(jit_compile=xla)
    def step(x, y):
        layers.begin(True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=model(layers, x)))
        for value, slot, gradient in zip(layers.values, slots, tape.gradient(loss, layers.values)):
            tf.raw_ops.ResourceApplyMomentum(var=value.handle, accum=slot.handle, lr=LEARNING_RATE, grad=gradient, momentum=0.9)
        return loss

    @tf.function(jit_compile=xla)
    def logits_of(x):
        layers.begin(False)
        return model(layers, x)

    report(f"tensorflow {args.mode}", tf.__version__, args, lambda: step(images, labels).numpy(), lambda: logits_of(images).numpy(), loaded)


if __name__ == "__main__":
    main()
