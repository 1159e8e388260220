"""One model on two machines, with TensorFlow; or both workers on this one.

Command:  python examples/train_on_two_machines.py
          --cluster FIRST:2222,SECOND:2222 --worker 0   on the first machine
          --cluster FIRST:2222,SECOND:2222 --worker 1   on the second
Data:     glyphs, drawn alike on each; with --recipe its own, lying on each
Hardware: two machines that see each other, and a folder that both can write
          to; without --cluster two processes on the loopback interface
Time:     a few minutes on two processor cores
Expects:  what one machine reaches with the same batch, which they share
Writes:   runs/machines, by the first worker

One killed, all stop: start them again with --resume.
"""

import argparse
import socket
import subprocess
import sys

import keras_arcface as ka
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.recipe import find_recipe


def main(recipe, cluster, output, epochs, resume):
    """Trains as one worker of several; all run this with the same recipe."""
    changes = {
        "output": output,
        "schedule.epochs": epochs,
        # Statistics over the whole batch, not over a worker's part of it.
        "backbone.batch_norm": "synchronized",
    }
    recipe = ka.Recipe.from_yaml(find_recipe(recipe), changes)
    result = ka.train(recipe, resume=resume, cluster=cluster)
    if cluster.is_chief:
        print(
            f"EER on held-out identities: {100 * result.history[-1]['eer']:.2f}"
            f"%\nWrote {result.folder}: best.keras, history.json, ..."
        )


def both_here(arguments):
    """Starts two workers on this machine and waits for them."""
    addresses = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    command = [sys.executable, __file__, *arguments, "--cluster", addresses]
    workers = [
        subprocess.Popen([*command, "--worker", str(number)])
        for number in range(2)
    ]
    if any([worker.wait() for worker in workers]):
        raise SystemExit("A worker failed; what it said stands above.")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cluster", help="HOST:PORT,HOST:PORT")
    parser.add_argument("--worker", type=int, help="which of them, from 0")
    parser.add_argument("--recipe", default="glyphs", help="name or file")
    parser.add_argument("--output", default="runs/machines")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    if args.cluster is None:
        both_here(sys.argv[1:])
    else:
        cluster = Cluster.parse(args.cluster, args.worker)
        main(args.recipe, cluster, args.output, args.epochs, args.resume)
