"""Pictures with identities: readers, splits, pairs, batches.

Every reader returns one `ImageData`. Importing this imports no TensorFlow.
"""

from keras_arcface.data import glyphs as glyphs
from keras_arcface.data.augment import AUGMENTATIONS as AUGMENTATIONS
from keras_arcface.data.augment import get_augmentation as get_augmentation
from keras_arcface.data.bin_sets import read_bin as read_bin
from keras_arcface.data.bin_sets import write_bin as write_bin
from keras_arcface.data.csv_reader import from_csv as from_csv
from keras_arcface.data.description import ImageData as ImageData
from keras_arcface.data.directory import from_directory as from_directory
from keras_arcface.data.errors import plain_errors as plain_errors
from keras_arcface.data.images import read_image as read_image
from keras_arcface.data.keep_list import keep_listed as keep_listed
from keras_arcface.data.keep_list import read_keep_list as read_keep_list
from keras_arcface.data.lfw_pairs import read_lfw_pairs as read_lfw_pairs
from keras_arcface.data.opening import open_data as open_data
from keras_arcface.data.packing import pack as pack
from keras_arcface.data.pair_files import read_pairs_csv as read_pairs_csv
from keras_arcface.data.pairs import Pairs as Pairs
from keras_arcface.data.pairs import pairs_from_labels as pairs_from_labels
from keras_arcface.data.plans import epoch_order as epoch_order
from keras_arcface.data.recordio_reader import from_recordio as from_recordio
from keras_arcface.data.samples import Samples as Samples
from keras_arcface.data.template_searches import (
    TemplateSearches as TemplateSearches,
)
from keras_arcface.data.template_searches import (
    read_ijb_searches as read_ijb_searches,
)
from keras_arcface.data.templates import TemplateSet as TemplateSet
from keras_arcface.data.templates import read_ijb as read_ijb
from keras_arcface.data.tfrecord_reader import from_tfrecord as from_tfrecord
from keras_arcface.data.verification_set import (
    VerificationSet as VerificationSet,
)
from keras_arcface.data.verification_set import open_pairs as open_pairs
