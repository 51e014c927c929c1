"""The peer of bench_train in PyTorch: channels last, the fused SGD. Prints one line of JSON.

Modes: eager, and compile (torch.compile of forward and loss, whose backward is compiled with them). lenet5 and resnet20 are those of
gpu/peer_torch.py. Threads: torch.set_num_threads, one inter-op thread, and the process held to as many processors.
"""
from cpu_step import LEARNING_RATE, MODELS, memory_mb, parse, report, stop

MODES = ["eager", "compile"]


def library():
    try:
        import torch
    except (ImportError, OSError, ValueError) as error:  # the last two: a part of CUDA that its build asks for is not there
        stop("peer_train_torch", f"PyTorch cannot be loaded ({str(error).splitlines()[0]})")
    return torch


def deep_mnist(torch):
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10))


def main():
    args = parse("peer_train_torch", "PyTorch", MODES)
    torch = library()
    if args.probe:
        return print(torch.__version__)
    from peer_torch import lenet5, make_optimizer, resnet20

    torch.set_num_threads(args.threads)
    torch.set_num_interop_threads(1)
    loaded = memory_mb("VmRSS")
    torch.manual_seed(1)
    rows, columns, channels = MODELS[args.model]
    images = torch.rand(args.batch, channels, rows, columns).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(args.batch) * 7 % 10
    model = {"lenet5": lenet5, "deep_mnist": deep_mnist, "resnet20": resnet20}[args.model](torch).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(torch, model, LEARNING_RATE)

    def loss_of(x, y):
        return torch.nn.functional.cross_entropy(model(x), y)

    compiled = torch.compile if args.mode == "compile" else lambda function: function
    loss_of, logits_of = compiled(loss_of), compiled(lambda x: model(x))

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer():
        if model.training:
            model.eval()
        with torch.inference_mode():
            return logits_of(images)

    report(f"pytorch {args.mode}", torch.__version__, args, train, infer, loaded)


if __name__ == "__main__":
    main()
