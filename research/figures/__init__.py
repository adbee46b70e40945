from .arguments import parse_inside_args
from .attention_figure import attention_table, draw_attention
from .attention_maps import attention_maps
from .feature_similarity import feature_similarity
from .figures import check_new_file, save_figure
from .ghost_figure import draw_ghost_maps
from .ghost_maps import ghost_maps
from .input_images import input_images
from .similarity_figure import draw_similarity, similarity_table
from .trained_model import trained_model

__all__ = [
    'attention_maps',
    'attention_table',
    'check_new_file',
    'draw_attention',
    'draw_ghost_maps',
    'draw_similarity',
    'feature_similarity',
    'ghost_maps',
    'input_images',
    'parse_inside_args',
    'save_figure',
    'similarity_table',
    'trained_model',
]
