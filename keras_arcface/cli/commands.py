"""All commands, in the order in which `--help` lists them."""

from keras_arcface.cli import align
from keras_arcface.cli import calibrate
from keras_arcface.cli import clean
from keras_arcface.cli import compare
from keras_arcface.cli import convert
from keras_arcface.cli import embed
from keras_arcface.cli import enroll
from keras_arcface.cli import evaluate
from keras_arcface.cli import export
from keras_arcface.cli import figures
from keras_arcface.cli import identify
from keras_arcface.cli import inspect
from keras_arcface.cli import pack
from keras_arcface.cli import plan
from keras_arcface.cli import quickstart
from keras_arcface.cli import recipes
from keras_arcface.cli import report
from keras_arcface.cli import train
from keras_arcface.cli import verify

COMMANDS = (
    quickstart,
    align,
    inspect,
    pack,
    plan,
    recipes,
    train,
    clean,
    evaluate,
    report,
    compare,
    export,
    figures,
    embed,
    verify,
    enroll,
    identify,
    calibrate,
    convert,
)
