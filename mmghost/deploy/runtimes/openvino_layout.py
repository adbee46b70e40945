"""The layout that OpenVINO keeps maps in."""

from xml.etree import ElementTree

from mmghost.layers import DFCAttention

from ..packing import PackedConv2d

#: The convolutions that work on blocks of 16 channels, by the type of their operation
IN_BLOCKS = dict(
    Convolution='cpu:jit_avx512_1x1,cpu:jit_avx512', GroupConvolution='cpu:jit_avx512_dw'
)


def weights_in_blocks(module):
    """Name the weights of the convolutions in a module that are faster in blocks.

    They are those on packed maps, but for the ones in dilated DFC attention: its maps are taken
    apart by transposing, after which OpenVINO would choose far slower convolutions.

    Args:
        module (nn.Module): The module that was exported.

    Returns:
        set[str]: The names.
    """
    dilated = {
        conv
        for part in module.modules()
        if isinstance(part, DFCAttention) and part.dilation > 1
        for conv in part.modules()
    }
    return {
        f'{name}.weight'
        for name, part in module.named_modules()
        if isinstance(part, PackedConv2d) and part not in dilated
    }


def keep_in_blocks(file, weights):
    """Have some of a file's convolutions work on blocks of 16 channels.

    Concatenations of whole blocks are then no work. On processors with AVX-512, OpenVINO's CPU
    plugin prefers convolutions that work on maps with all channels innermost; a file can name, at
    each, those that it is to prefer (``primitives_priority``). Where these do not exist, OpenVINO
    chooses as ever.

    Args:
        file (Path): The .xml file, changed in place.
        weights (set[str]): The names of the convolutions' weights.
    """
    tree = ElementTree.parse(file)
    layers = {layer.get('id'): layer for layer in tree.iter('layer')}
    sources = {
        (edge.get('to-layer'), edge.get('to-port')): edge.get('from-layer')
        for edge in tree.iter('edge')
    }
    for identity, layer in layers.items():
        if layer.get('type') not in IN_BLOCKS:
            continue
        source = layers[sources[identity, '1']]
        if source.get('type') == 'Reshape':  # into groups
            source = layers[sources[source.get('id'), '0']]
        if source.get('name') in weights:
            ElementTree.SubElement(
                ElementTree.SubElement(layer, 'rt_info'),
                'attribute',
                name='primitives_priority',
                version='0',
                value=IN_BLOCKS[layer.get('type')],
            )
    tree.write(file, encoding='utf-8', xml_declaration=True)
