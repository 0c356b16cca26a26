"""The commands of ``avis``: name, module and one line for the list. A new command is a new line."""

from typing import NamedTuple


class Command(NamedTuple):
    """A command of ``avis``.

    Its module has a docstring, the description; ``EXAMPLES``, arguments of typical calls;
    ``add_arguments(parser)``; and ``main(parser, words)``, which parses the words and returns what
    :func:`avis.utils.cli.run` expects. It imports the standard library only, and everything else
    inside ``main``: ``--help`` and completion are instant.

    Attributes:
        module: Module in ``avis.cli``.
        summary: For the list of commands.
    """

    module: str
    summary: str


# A name of two words is a command of a group; GROUPS has the summary of each group.
COMMANDS = {
    'infer': Command('infer', 'predict videos with any model'),
    'train': Command('train', 'train a config'),
    'test': Command('test', 'test a checkpoint on the test data of a config'),
    'evaluate': Command('evaluate', 'score predictions of any method on disk'),
    'report': Command('report', 'write a page and figures of evaluations'),
    'app': Command('app', 'open a web page that predicts an uploaded video'),
    'convert': Command('convert', 'convert a checkpoint of another project'),
    'models': Command('list_models', 'list the models with their published scores'),
    'download': Command('download', 'fetch weights that configs start from, and convert them'),
    'publish': Command('publish', 'make a checkpoint ready to share'),
    'data prepare': Command('prepare_data', 'prepare a data set from raw videos'),
    'data labels': Command('convert_labels', 'convert labels of annotation tools'),
    'data make': Command('make_data', 'generate a synthetic data set'),
    'data browse': Command('browse_data', 'write clips as images, videos and a page'),
    'data stats': Command('data_statistics', 'count content, find videos that splits share'),
    'data shards': Command('write_shards', 'write clips as WebDataset shards'),
    'data check': Command('check_data', 'report missing, broken and unexpected files'),
    'doctor': Command('doctor', 'try every part of avis and say what to do about problems'),
    'config': Command('print_config', 'print a config with everything it inherits'),
}
GROUPS = {'data': 'prepare, generate, browse and check data sets'}
