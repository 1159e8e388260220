import sys

from keras_arcface.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
