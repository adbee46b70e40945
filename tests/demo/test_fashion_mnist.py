import pytest

from demo.fashion_mnist import FILES, read_fashion_mnist, unpack_fashion_mnist


def test_unpacked_files_are_what_mmpretrain_reads(idx_folder, tmp_path):
    from mmpretrain.datasets import FashionMNIST

    assert unpack_fashion_mnist(idx_folder, tmp_path / 'plain')
    assert not unpack_fashion_mnist(idx_folder, tmp_path / 'plain')
    assert {path.name for path in (tmp_path / 'plain').iterdir()} == {
        name for names in FILES.values() for name in names
    }
    for split, count in (('train', 40), ('test', 20)):
        images, labels = read_fashion_mnist(idx_folder, split)
        data = FashionMNIST(
            data_root=str(tmp_path / 'plain'),
            split=split,
            test_mode=split == 'test',
            download=False,
        )
        assert len(data) == count
        assert (data[3]['img'].squeeze() == images[3]).all()
        assert data[3]['gt_label'] == labels[3]


def test_a_broken_source_leaves_nothing(idx_folder, tmp_path):
    source = tmp_path / 'source'
    source.mkdir()
    for path in idx_folder.iterdir():
        content = path.read_bytes()
        (source / path.name).write_bytes(content[:100] if 'train-images' in path.name else content)
    with pytest.raises(ValueError, match='not a whole gzip file'):
        unpack_fashion_mnist(source, tmp_path / 'plain')
    assert not (tmp_path / 'plain').exists()
