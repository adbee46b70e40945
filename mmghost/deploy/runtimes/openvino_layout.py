"""The layout that OpenVINO keeps maps in."""

from xml.etree import ElementTree

#: The convolutions that work on blocks of 16 channels, by the type of their operation
IN_BLOCKS = dict(
    Convolution='cpu:jit_avx512_1x1,cpu:jit_avx512', GroupConvolution='cpu:jit_avx512_dw'
)


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
