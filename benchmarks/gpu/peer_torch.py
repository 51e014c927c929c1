"""The peer of bench_gpu in PyTorch: the same models (nn/models.h), data and optimiser, timed by CUDA events. Prints lines of JSON.

Modes: graph (a whole step captured as a CUDA graph, with the fused optimiser), eager (channels last, cudnn.benchmark), compile
(torch.compile as it comes) and compile-graph (its mode reduce-overhead).

Differences that cost nothing (the models have our 61,706 and 272,474 parameters): initial values, and padding that is even on both sides where TensorFlow's SAME with stride 2 pads one side.
"""
import sys

from peer_common import MODELS, parse, report, stop

MODES = ("graph", "eager", "compile", "compile-graph")


def library():
    """PyTorch with a GPU, or the end."""
    try:
        import torch
    except ImportError as error:
        stop("peer_torch", f"PyTorch is not installed ({error})")
    if not torch.cuda.is_available():
        stop("peer_torch", f"PyTorch {torch.__version__} finds no GPU")
    return torch


def lenet5(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(5 * 5 * 16, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def resnet20(torch):
    nn = torch.nn

    def conv_bn(channels, filters, kernel, stride):
        return nn.Sequential(nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False),
                             nn.BatchNorm2d(filters, eps=1e-5, momentum=0.1))  # PyTorch's momentum is the batch's part

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            self.a = conv_bn(channels, filters, 3, stride)
            self.b = conv_bn(filters, filters, 3, 1)
            same = channels == filters and stride == 1
            self.shortcut = nn.Identity() if same else conv_bn(channels, filters, 1, stride)

        def forward(self, x):
            return torch.relu(self.shortcut(x) + self.b(torch.relu(self.a(x))))

    layers = [conv_bn(3, 16, 3, 1), nn.ReLU()]
    channels = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            layers.append(Block(channels, filters, 2 if stage > 0 and block == 0 else 1))
            channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def make_model(torch, name, precision, training):
    model = {"lenet5": lenet5, "resnet20": resnet20}[name](torch).cuda()
    if precision == "bfloat16":
        model = model.to(torch.bfloat16)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.float()  # as Gradus has it: batch norm's parameters and averages in float32
    return model.to(memory_format=torch.channels_last).train(training)


def make_optimizer(torch, model, lr=0.01):
    try:
        return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, fused=True)
    except (TypeError, RuntimeError):  # before PyTorch 2.3
        return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, foreach=True)


def make_step(torch, mode, name, batch, precision, what):
    """A function of nothing that submits one step."""
    rows, columns, channels = MODELS[name]["image"]
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    images = torch.rand(batch, channels, rows, columns, device="cuda").to(dtype).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch, device="cuda") * 7 % 10
    model = make_model(torch, name, precision, what == "train")
    if mode == "compile":
        called = torch.compile(model)
    elif mode == "compile-graph":
        called = torch.compile(model, mode="reduce-overhead")
    else:
        called = model
    if what == "infer":

        def infer():
            with torch.no_grad():
                return called(images)

        return infer
    optimizer = make_optimizer(torch, model)

    def train():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(called(images), labels).backward()
        optimizer.step()

    return train


def captured(torch, step, warmup):
    """The step as a CUDA graph. Warmed up beside the default stream, as PyTorch's documentation of whole-network capture has it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(warmup):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()  # the result stays where the graph writes it

    def replay():
        graph.replay()
        return kept

    return replay


def main():
    args = parse("peer_torch", MODES)
    torch = library()
    if args.probe:
        return 0
    torch.backends.cudnn.benchmark = True

    def measure(mode, model, batch, precision, what):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        if mode.startswith("compile"):
            torch._dynamo.reset()  # what was compiled for other shapes
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        step = make_step(torch, mode, model, batch, precision, what)
        if mode == "graph":
            step = captured(torch, step, max(args.warmup, 3))
        for _ in range(args.warmup):
            step()
        torch.cuda.synchronize()
        times = []
        for _ in range(args.blocks):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            for _ in range(args.steps):
                step()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / args.steps)
        return times, torch.cuda.max_memory_allocated() / 2**20

    return report("peer_torch", "torch", torch.__version__, args, measure)


if __name__ == "__main__":
    sys.exit(main())
